#!/usr/bin/env python3
"""What is lost of a video whose client reads over TCP through a slow link.

A peer sends 5 Mbit/s of video over UDP: 30 frames a second, a key frame of 160 kB every two seconds,
each frame at once in datagrams of 1200 bytes. The client has an allocation over TCP and stands in a
network namespace of its own behind a link of the given rate, so that a key frame takes longer to
leave than to arrive. Run as root; both servers are measured in the same run, one after the other.

    slow_reader.py turnd=PATH coturn=/usr/bin/turnserver
"""

import ctypes, hashlib, hmac, os, socket, struct, subprocess, sys, tempfile, threading, time

RATE_MBIT = 12
SECONDS = 20
FPS, KEY_EVERY, DATAGRAM, KEY_FRAME = 30, 60, 1200, 160_000
BYTES_PER_SECOND = 5_000_000 // 8
CLONE_NEWNET = 0x40000000
MAGIC = 0x2112A442
SERVER, CLIENT, NAMESPACE = "10.199.0.1", "10.199.0.2", "slow-reader"


def run(command):
    subprocess.run(command.split(), check=True)


def attribute(kind, value):
    return struct.pack("!HH", kind, len(value)) + value + b"\0" * (-len(value) % 4)


class Client:
    """A TURN client over TCP with a long-term credential (RFC 8489, RFC 8656)."""

    def __init__(self, port):
        self.stream = socket.create_connection((SERVER, port))
        self.buffer = b""
        self.auth = b""
        self.key = b""

    def request(self, method, attributes):
        transaction = os.urandom(12)
        body = attributes + self.auth
        if self.key:
            head = struct.pack("!HHI", method, len(body) + 24, MAGIC) + transaction
            digest = hmac.new(self.key, head + body, hashlib.sha1).digest()
            body += attribute(0x0008, digest)
        head = struct.pack("!HHI", method, len(body), MAGIC) + transaction
        self.stream.sendall(head + body)
        kind, message = self.message()
        found, at = {}, 20
        while at < len(message):
            number, length = struct.unpack_from("!HH", message, at)
            found[number] = message[at + 4 : at + 4 + length]
            at += 4 + length + -length % 4
        return kind, found

    def message(self):
        while True:
            if len(self.buffer) >= 4:
                kind, length = struct.unpack_from("!HH", self.buffer)
                whole = 20 + length if kind < 0x4000 else 4 + length + -length % 4
                if len(self.buffer) >= whole:
                    message, self.buffer = self.buffer[:whole], self.buffer[whole:]
                    return kind, message
            received = self.stream.recv(1 << 16)
            if not received:
                raise EOFError
            self.buffer += received

    def allocate(self, user, password):
        transport = attribute(0x0019, b"\x11\0\0\0")
        _, found = self.request(0x0003, transport)
        realm, nonce = found[0x0014], found[0x0015]
        self.key = hashlib.md5(b"%s:%s:%s" % (user, realm, password)).digest()
        self.auth = attribute(0x0006, user) + attribute(0x0014, realm) + attribute(0x0015, nonce)
        kind, found = self.request(0x0003, transport)
        assert kind == 0x0103, hex(kind)
        port, ip = struct.unpack_from("!HI", found[0x0016], 2)
        return socket.inet_ntoa(struct.pack("!I", ip ^ MAGIC)), port ^ (MAGIC >> 16)

    def bind(self, number, peer):
        ip = struct.unpack("!I", socket.inet_aton(peer[0]))[0] ^ MAGIC
        value = struct.pack("!HHI", 1, peer[1] ^ (MAGIC >> 16), ip)
        channel = attribute(0x000C, struct.pack("!HH", number, 0))
        kind, _ = self.request(0x0009, channel + attribute(0x0012, value))
        assert kind == 0x0109, hex(kind)


def send_video(peer, relayed):
    """Sends frames in time; returns how many datagrams of key frames and of others that were."""
    small = (BYTES_PER_SECOND * KEY_EVERY // FPS - KEY_FRAME) // (KEY_EVERY - 1)
    begin, keys, others = time.monotonic(), 0, 0
    for frame in range(FPS * SECONDS):
        time.sleep(max(0, begin + frame / FPS - time.monotonic()))
        is_key = frame % KEY_EVERY == 0
        for number in range((KEY_FRAME if is_key else small) // DATAGRAM):
            peer.sendto(struct.pack("!?IId", is_key, frame, number, time.monotonic()) + b"v" * (DATAGRAM - 17), relayed)
            if is_key:
                keys += 1
            else:
                others += 1
            if number % 16 == 15:
                time.sleep(0.0005)
    return keys, others


def measure(name, command, config):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "turnserver.conf")
        with open(path, "w") as file:
            file.write(config)
        log = open(os.path.join(folder, "log"), "w")
        server = subprocess.Popen([*command, path], stdout=log, stderr=log, cwd=folder)
        try:
            time.sleep(2)
            peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            peer.bind((SERVER, 0))
            reading, writing = os.pipe()
            child = os.fork()
            if child == 0:
                receive(peer.getsockname(), writing)
            answer = os.read(reading, 100).split()
            relayed = answer[0].decode(), int(answer[1])
            keys, others = send_video(peer, relayed)
            time.sleep(2)
            peer.sendto(b"\xff" * 17 + b"end", relayed)
            got = os.read(reading, 100).split()
            os.waitpid(child, 0)
            got_keys, got_others, slowest = int(got[0]), int(got[1]), float(got[2])
            print(
                f"{name:8} key frames: {keys - got_keys:5} of {keys} datagrams lost ({100 * (keys - got_keys) / keys:.1f} %)"
                f"   others: {others - got_others:5} of {others} ({100 * (others - got_others) / others:.1f} %)"
                f"   latest {1000 * slowest:.0f} ms",
                flush=True,
            )
        finally:
            server.terminate()
            server.wait()


def receive(peer, writing):
    """The client, in its namespace, in a process of its own."""
    with open(f"/run/netns/{NAMESPACE}") as namespace:
        if ctypes.CDLL(None, use_errno=True).setns(namespace.fileno(), CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns")
    client = Client(PORT)
    relayed = client.allocate(b"user", b"password")
    client.bind(0x4000, peer)
    os.write(writing, f"{relayed[0]} {relayed[1]}".encode())
    keys = others = 0
    slowest = 0.0
    while True:
        kind, message = client.message()
        data = message[4:]
        if data[:17] == b"\xff" * 17:
            break
        is_key, _, _, sent = struct.unpack_from("!?IId", data)
        keys, others = keys + is_key, others + (not is_key)
        slowest = max(slowest, time.monotonic() - sent)
    os.write(writing, f"{keys} {others} {slowest}".encode())
    os._exit(0)


PORT = 13999


def main():
    servers = dict(argument.split("=", 1) for argument in sys.argv[1:])
    if not servers:
        sys.exit(__doc__)
    run(f"ip netns add {NAMESPACE}")
    try:
        run(f"ip link add slow0 type veth peer name slow1 netns {NAMESPACE}")
        run(f"ip addr add {SERVER}/24 dev slow0")
        run("ip link set slow0 up")
        run(f"ip -n {NAMESPACE} addr add {CLIENT}/24 dev slow1")
        run(f"ip -n {NAMESPACE} link set slow1 up")
        run(f"tc qdisc add dev slow0 root tbf rate {RATE_MBIT}mbit burst 16kb latency 400ms")
        common = (
            f"listening-ip={SERVER}\nrelay-ip={SERVER}\nlistening-port={PORT}\nrealm=r\nuser=user:password\n"
        )
        for _ in range(3):
            for name, path in servers.items():
                if name.startswith("turnd"):
                    extra = "allowed-peer-ip=10.199.0.1\n"
                    measure(name, [path, "--config"], common + extra)
                else:
                    extra = "lt-cred-mech\nno-cli\nno-tls\nno-dtls\nlog-file=stdout\n"
                    measure(name, [path, "-c"], common + extra)
    finally:
        subprocess.run(["ip", "link", "del", "slow0"])
        subprocess.run(["ip", "netns", "del", NAMESPACE])


main()
