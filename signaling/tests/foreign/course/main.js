// A page as people wrote it after the course: socket.io-client 2, `otherjoin`, two arguments everywhere, no word of errors.
// Its carelessness is the point; do not mend it. `?room=` names the room, `&server=` the signalling server.

"use strict";

const byId = (id) => document.getElementById(id);
const query = new URLSearchParams(location.search);
const room = query.get("room");

let state = "init";
let socket = null;
let pc = null;
let camera = null;

function setState(next) {
  state = next;
  document.body.dataset.state = next;
  byId("connserver").disabled = next !== "init" && next !== "leaved";
  byId("leave").disabled = !byId("connserver").disabled;
}

function send(data) {
  socket.emit("message", room, data);
}

function newConnection() {
  pc = new RTCPeerConnection(window.pcConfig);
  pc.onicecandidate = (e) => {
    if (!e.candidate) return;
    const { sdpMLineIndex, sdpMid, candidate } = e.candidate;
    send({ type: "candidate", label: sdpMLineIndex, id: sdpMid, candidate });
  };
  pc.ontrack = (e) => {
    byId("remotevideo").srcObject = e.streams[0];
  };
  camera.getTracks().forEach((track) => pc.addTrack(track, camera));
}

function describeAndSend(description) {
  pc.setLocalDescription(description);
  send(description);
}

function call() {
  pc.createOffer({ offerToReceiveAudio: 1, offerToReceiveVideo: 1 }).then(describeAndSend);
}

function hangUp() {
  if (pc) pc.close();
  pc = null;
}

function stopCamera() {
  if (camera) camera.getTracks().forEach((track) => track.stop());
  camera = null;
}

function onMessage(from, data) {
  if (data.type === "offer") {
    pc.setRemoteDescription(new RTCSessionDescription(data));
    pc.createAnswer().then(describeAndSend);
  } else if (data.type === "answer") {
    pc.setRemoteDescription(new RTCSessionDescription(data));
  } else if (data.type === "candidate") {
    pc.addIceCandidate(new RTCIceCandidate({ sdpMLineIndex: data.label, sdpMid: data.id, candidate: data.candidate }));
  }
}

function connect() {
  socket = io.connect(query.get("server"), { forceNew: true });

  socket.on("joined", () => {
    setState("joined");
    newConnection();
  });

  socket.on("otherjoin", () => {
    if (state === "joined_unbind") newConnection();
    setState("joined_conn");
    call();
  });

  socket.on("full", () => {
    socket.disconnect();
    hangUp();
    stopCamera();
    setState("leaved");
    alert("the room is full");
  });

  socket.on("leaved", () => {
    socket.disconnect();
    setState("leaved");
  });

  socket.on("bye", () => {
    hangUp();
    setState("joined_unbind");
  });

  socket.on("message", onMessage);

  socket.emit("join", room);
}

byId("connserver").onclick = () => {
  navigator.mediaDevices.getUserMedia({ video: true, audio: true }).then((stream) => {
    camera = stream;
    byId("localvideo").srcObject = stream;
    connect();
  });
};

byId("leave").onclick = () => {
  socket.emit("leave", room);
  hangUp();
  stopCamera();
};

setState(state);
