// @ts-check
/**
 * Everything the pages say, in every language they speak: one row a text. `{name}` is filled in by the caller.
 * A test holds that no cell is empty, that the rows' placeholders agree, and that every row is used.
 *
 * @type {Record<string, {en: string, zh: string}>}
 */
export const STRINGS = {
  // ---- Every page ----
  "nav.call": { en: "Call", zh: "通话" },
  "nav.test": { en: "TURN test", zh: "TURN 测试" },
  "nav.stats": { en: "Statistics", zh: "统计" },
  "nav.language": { en: "中文", zh: "English" },
  "nav.label": { en: "Pages", zh: "页面" },

  // ---- Call ----

  // ---- TURN tester ----
  "tester.title": { en: "TURN test", zh: "TURN 测试" },
  "tester.lead": {
    en: "For each URL this page makes two connections in your browser that can only meet through the relay, and sends data there and back. No camera and no microphone is used.",
    zh: "对每个地址，本页在浏览器内建立两个只能经由中继相通的连接，并让数据往返一次。不使用摄像头和麦克风。",
  },
  "tester.servers": { en: "Servers", zh: "服务器" },
  "tester.source.typed": { en: "Servers I enter", zh: "我填写的服务器" },
  "tester.source.own": { en: "This site's own servers", zh: "本站自己的服务器" },
  "tester.ownNote": {
    en: "The page joins an empty room for a moment, takes the addresses and passwords that callers get here, and leaves.",
    zh: "本页会短暂加入一个空房间，取得通话者在这里得到的地址和密码，然后离开。",
  },
  "tester.urls": { en: "STUN and TURN URLs, one a line", zh: "STUN 和 TURN 地址，每行一个" },
  "tester.username": { en: "User name", zh: "用户名" },
  "tester.credential": { en: "Password", zh: "密码" },
  "tester.show": { en: "Show", zh: "显示" },
  "tester.showLabel": { en: "Show password", zh: "显示密码" },
  "tester.privacy": {
    en: "User name and password stay in this page: they are not stored, and they are in no result, report or link.",
    zh: "用户名和密码只留在本页：不会保存，也不会出现在结果、报告或链接里。",
  },
  "tester.throughput": {
    en: "Measure throughput too: 2 seconds a server, as much data as it relays",
    zh: "同时测量吞吐量：每个服务器 2 秒，数据量为其中继能力的上限",
  },
  "tester.start": { en: "Start test", zh: "开始测试" },
  "tester.stop": { en: "Stop", zh: "停止" },
  "tester.link": { en: "Copy link", zh: "复制链接" },
  "tester.linkTitle": { en: "A link to this page with the URLs, without user name and password", zh: "带有这些地址的本页链接，不含用户名和密码" },
  "tester.results": { en: "Results", zh: "结果" },
  "tester.exports": { en: "Reports", zh: "报告" },
  "tester.copyMarkdown": { en: "Copy Markdown", zh: "复制 Markdown" },
  "tester.saveMarkdown": { en: "Save Markdown", zh: "保存 Markdown" },
  "tester.copyJson": { en: "Copy JSON", zh: "复制 JSON" },
  "tester.saveJson": { en: "Save JSON", zh: "保存 JSON" },
  "tester.hairpin": {
    en: "Both ends of a test are in this browser, so the server relays to its own relay addresses. A server that cannot do that fails here though it may serve calls with others: then try a relayed call between two devices.",
    zh: "测试的两端都在本浏览器内，所以服务器要把数据中继到它自己的中继地址。做不到这一点的服务器在这里会失败，但与他人的通话仍可能正常：这时请在两台设备之间试一次经中继的通话。",
  },
  "tester.status.idle": { en: "Ready.", zh: "就绪。" },
  "tester.status.asking": { en: "Preparing…", zh: "准备中…" },
  "tester.status.running": { en: "Testing {number} of {count}: {url}", zh: "正在测试第 {number} 个，共 {count} 个：{url}" },
  "tester.status.done": { en: "Finished: {works} good, {fails} bad.", zh: "完成：{works} 个可用，{fails} 个不可用。" },
  "tester.status.unclear": {
    en: "Finished: {works} good, {fails} bad, {unclear} unclear.",
    zh: "完成：{works} 个可用，{fails} 个不可用，{unclear} 个不明。",
  },
  "tester.status.failed": { en: "The test itself has failed. Reload the page.", zh: "测试本身出错。请重新加载本页。" },
  "tester.status.noWebRtc": { en: "This browser has no WebRTC, or an extension has switched it off.", zh: "该浏览器没有 WebRTC，或被扩展关闭。" },
  "tester.status.stopped": { en: "Stopped.", zh: "已停止。" },
  "tester.status.noUrl": { en: "There is no URL to test. Enter one above.", zh: "没有可测试的地址。请在上面填写。" },
  "tester.status.copied": { en: "Copied.", zh: "已复制。" },
  "tester.status.notCopied": { en: "The browser did not let this page copy.", zh: "浏览器不允许本页复制。" },
  "tester.site.away": { en: "This site did not answer at /ws.", zh: "本站的 /ws 没有应答。" },
  "tester.site.full": { en: "That room is full. Try again.", zh: "该房间已满。请再试一次。" },
  "tester.site.forbidden": {
    en: "This site wants a room token. Open this page with #room=ROOM&token=TOKEN behind its address.",
    zh: "本站要求房间令牌。请在本页地址后加上 #room=房间&token=令牌 再打开。",
  },
  "tester.site.error": { en: "This site refused: {code}", zh: "本站拒绝了：{code}" },
  "tester.site.none": { en: "This site has no TURN servers to give.", zh: "本站没有可提供的 TURN 服务器。" },
  "tester.step.parse": { en: "URL", zh: "地址" },
  "tester.step.allocate": { en: "Relay address", zh: "中继地址" },
  "tester.step.answer": { en: "Answer", zh: "应答" },
  "tester.step.connect": { en: "Relay to relay", zh: "中继到中继" },
  "tester.step.roundTrip": { en: "Round trip", zh: "往返时间" },
  "tester.step.throughput": { en: "Throughput", zh: "吞吐量" },
  "tester.state.waiting": { en: "waiting", zh: "等待中" },
  "tester.state.running": { en: "testing", zh: "测试中" },
  "tester.state.slow": { en: "slow", zh: "缓慢" },
  "tester.state.good": { en: "good", zh: "正常" },
  "tester.state.bad": { en: "failed", zh: "失败" },
  "tester.state.skipped": { en: "not tried", zh: "未测试" },
  "tester.milliseconds": { en: "{value} ms", zh: "{value} 毫秒" },
  "tester.roundTrips": { en: "{median} ms, 95 % in {p95} ms", zh: "{median} 毫秒，95 % 在 {p95} 毫秒内" },
  "tester.megabits": { en: "{value} Mbit/s", zh: "{value} Mbit/s" },
  "tester.account.static": { en: "Credential: static", zh: "凭据：固定" },
  "tester.account.expires": { en: "Credential: time-limited, expires {when}", zh: "凭据：有时限，{when}到期" },
  "tester.account.expired": { en: "Credential: time-limited, expired {when}", zh: "凭据：有时限，已于{when}到期" },
  "tester.options": { en: "In turnserver.conf look at", zh: "请检查 turnserver.conf 中的" },
  "tester.says.ok": { en: "Works", zh: "可用" },
  "tester.cause.ok": { en: "Data goes through this relay and comes back.", zh: "数据能通过该中继并返回。" },
  "tester.says.slow": { en: "Works, but slowly", zh: "可用，但缓慢" },
  "tester.cause.slow": {
    en: "A step took more than 3 seconds. Callers would wait; packets may be lost on the way, or the name server is slow.",
    zh: "有一步超过了 3 秒，通话者需要等待。路上可能丢包，或域名解析缓慢。",
  },
  "tester.says.wrong": { en: "Wrong credential (401)", zh: "凭据错误（401）" },
  "tester.cause.wrong": {
    en: "The server answers, and does not accept this user name with this password. Time-limited credentials are also refused when the secret of who makes them is not the server's.",
    zh: "服务器有应答，但不接受这个用户名和密码。如果签发方的密钥与服务器的不同，有时限的凭据也会被拒绝。",
  },
  "tester.says.expired": { en: "Expired credential (401)", zh: "凭据已过期（401）" },
  "tester.cause.expired": {
    en: "The user name says that this credential expired {when}. Get a new one; if it is new, the clock of who made it or of the server is wrong.",
    zh: "用户名表明该凭据已于{when}过期。请取新的凭据；如果刚刚取得，则签发方或服务器的时钟不准。",
  },
  "tester.note.notExpired": { en: "By its name this credential expires {when}.", zh: "按用户名，该凭据{when}到期。" },
  "tester.note.skew": {
    en: "The clock of this site is {skew} seconds ahead of this device's (negative: behind).",
    zh: "本站的时钟比本设备快 {skew} 秒（负数表示慢）。",
  },
  "tester.note.partly": { en: "Some requests were refused: {code}.", zh: "有些请求被拒绝：{code}。" },
  "tester.note.dtls": {
    en: "No browser speaks DTLS to a relay: turns with transport=udp is taken as TLS over TCP, or left out.",
    zh: "没有浏览器用 DTLS 连接中继：带 transport=udp 的 turns 会被当作 TCP 上的 TLS，或被忽略。",
  },
  "tester.says.quota": { en: "Quota reached (486)", zh: "配额已满（486）" },
  "tester.cause.quota": {
    en: "This user, or the whole server, has as many relay addresses as it may. A browser takes several for one connection, one for each network interface; this test takes twice that. Allow at least 16 a user.",
    zh: "该用户或整个服务器的中继地址已达上限。浏览器为一个连接就会按网络接口占用多个，本测试再加一倍。每个用户请至少允许 16 个。",
  },
  "tester.says.ports": { en: "No relay port left (508)", zh: "没有空闲的中继端口（508）" },
  "tester.cause.ports": {
    en: "The server has no free port for another relay address: the range of ports is too small for its users, or its relay address cannot be used.",
    zh: "服务器没有空闲端口可用作中继地址：端口范围对用户数来说太小，或其中继 IP 不可用。",
  },
  "tester.says.otherError": { en: "The server refused (error {code})", zh: "服务器拒绝（错误 {code}）" },
  "tester.cause.otherError": { en: "It answered the request for a relay address with an error. Its log says more.", zh: "它对中继地址请求返回了错误。详情见其日志。" },
  "tester.says.unresolved": { en: "Name not found", zh: "域名无法解析" },
  "tester.cause.unresolved": {
    en: "{host} has no address here. Is it spelt right? Is there an A or AAAA record that this network can see?",
    zh: "{host} 在这里没有地址。拼写是否正确？本网络能否看到它的 A 或 AAAA 记录？",
  },
  "tester.says.closed": { en: "Port closed", zh: "端口未开放" },
  "tester.cause.closed": {
    en: "Nothing takes TCP connections at port {port} of {host}: the server is not running, listens elsewhere, or a firewall refuses.",
    zh: "{host} 的 {port} 端口不接受 TCP 连接：服务器未运行、监听在别处，或被防火墙拒绝。",
  },
  "tester.cause.closedTls": {
    en: "Neither TLS nor anything else worked at port {port} of {host}, so most likely it is closed. Browsers do not tell; if it takes nothing but TLS, it may be the certificate. Opening https://{host}:{port}/ in a new tab shows which.",
    zh: "{host} 的 {port} 端口上 TLS 和其他方式都不通，多半是端口未开放。浏览器不会说明；如果它只接受 TLS，也可能是证书问题。在新标签页打开 https://{host}:{port}/ 即可分辨。",
  },
  "tester.says.untrusted": { en: "Certificate not trusted", zh: "证书不受信任" },
  "tester.cause.untrusted": {
    en: "Port {port} of {host} is open and answers without TLS, but not with it. The certificate is self-signed, expired, for another name, or lacks those between it and a known authority: cert must hold the full chain.",
    zh: "{host} 的 {port} 端口是开放的，不用 TLS 时有应答，用 TLS 则不行。证书可能是自签名、已过期、域名不符，或缺少中间证书：cert 必须包含完整证书链。",
  },
  "tester.says.notTurn": { en: "Not a TURN server", zh: "不是 TURN 服务器" },
  "tester.cause.notTurn": {
    en: "At port {port} of {host} there is something with a good certificate that speaks HTTPS, but TURN over TLS did not work.",
    zh: "{host} 的 {port} 端口上有证书有效的 HTTPS 服务，但 TLS 上的 TURN 不通。",
  },
  "tester.says.silent": { en: "No answer", zh: "没有应答" },
  "tester.cause.silent": {
    en: "Nothing came back within 10 seconds. The UDP port {port} of {host} is closed, or a firewall on the way drops UDP. Networks that drop it may let turns: on port 443 through.",
    zh: "10 秒内没有任何返回。{host} 的 UDP 端口 {port} 未开放，或途中的防火墙丢弃 UDP。丢弃 UDP 的网络可能放行 443 端口上的 turns:。",
  },
  "tester.cause.silentTcp": {
    en: "Nothing came back within 10 seconds: a firewall drops TCP to port {port} of {host}, or what listens there is no TURN server.",
    zh: "10 秒内没有任何返回：防火墙丢弃了到 {host} 端口 {port} 的 TCP，或监听者不是 TURN 服务器。",
  },
  "tester.says.nothing": { en: "The browser did not try", zh: "浏览器没有尝试" },
  "tester.cause.nothing": {
    en: "It neither got a relay address nor said why. An extension or a policy may forbid WebRTC; Firefox leaves out turns: with an IP address, and servers on this machine.",
    zh: "它既没有得到中继地址，也没有说明原因。可能是扩展或策略禁止了 WebRTC；Firefox 会忽略带 IP 地址的 turns: 以及本机上的服务器。",
  },
  "tester.says.refused": { en: "Peer refused (403)", zh: "对端被拒绝（403）" },
  "tester.cause.refused": {
    en: "The server gives relay addresses and refuses to relay to its own ones. Two callers who both need this relay cannot talk. Check which peers are denied, and behind NAT that external-ip is right and that the server may reach itself at it.",
    zh: "服务器分配了中继地址，却拒绝中继到自己的中继地址。两个都需要此中继的人无法通话。请检查哪些对端被禁止；若在 NAT 之后，还要检查 external-ip 是否正确、服务器能否经由它到达自己。",
  },
  "tester.says.noPath": { en: "Relay gives an address but carries nothing", zh: "中继分配了地址，但不传数据" },
  "tester.cause.noPath": {
    en: "Both ends have a relay address, but no packet came through within 10 seconds. A firewall blocks the relay ports for UDP, external-ip is wrong, or the router does not lead the server's packets to its public address back to it.",
    zh: "两端都得到了中继地址，但 10 秒内没有数据包通过。可能是防火墙挡住了中继端口的 UDP、external-ip 不正确，或路由器不能把服务器发往自己公网地址的包送回（发夹 NAT）。",
  },
  "tester.says.noData": { en: "Connected, but no data", zh: "已连接，但没有数据" },
  "tester.cause.noData": { en: "The connection came up, and then nothing came back.", zh: "连接建立后，没有任何数据返回。" },
  "tester.says.large": { en: "Large packets are lost", zh: "大数据包丢失" },
  "tester.cause.large": {
    en: "Small messages come back, large ones do not. Somewhere on the way the MTU is small and the errors that say so are dropped.",
    zh: "小消息能返回，大消息不能。途中某处的 MTU 较小，而相应的差错报文被丢弃了。",
  },
  "tester.says.stunOk": { en: "Answers", zh: "有应答" },
  "tester.cause.stunOk": { en: "The server told the browser its public address.", zh: "服务器把公网地址告诉了浏览器。" },
  "tester.says.untold": { en: "The browser did not tell", zh: "浏览器没有说明" },
  "tester.cause.untold": {
    en: "It finished without an error and showed no address from the server. That is usual where this device's own address is not hidden and there is no NAT: the answer would be the same address. Test a turn: URL of this server to be sure.",
    zh: "它没有报错就结束了，也没有给出来自服务器的地址。如果本设备的地址没有被隐藏、又没有 NAT，这很常见：应答就是同一个地址。想确认请测试该服务器的 turn: 地址。",
  },
  "tester.says.stopped": { en: "Stopped", zh: "已停止" },
  "tester.cause.stopped": { en: "This test was not finished.", zh: "该测试没有完成。" },
  "tester.says.syntax": { en: "Not a usable URL", zh: "地址不可用" },
  "tester.cause.scheme": { en: "It must begin with turn:, turns: or stun:.", zh: "必须以 turn:、turns: 或 stun: 开头。" },
  "tester.cause.stuns": { en: "No browser asks STUN servers over TLS. Use stun: or turns:.", zh: "没有浏览器通过 TLS 使用 STUN。请用 stun: 或 turns:。" },
  "tester.cause.slashes": { en: "No slashes: turn:HOST:PORT, not turn://HOST:PORT.", zh: "不要斜杠：应为 turn:主机:端口，而不是 turn://主机:端口。" },
  "tester.cause.host": {
    en: "Behind the colon a host must follow, then perhaps :PORT and ?transport=. IPv6 addresses stand in brackets; a user name does not belong here.",
    zh: "冒号后应是主机，然后可以是 :端口 和 ?transport=。IPv6 地址要加方括号；用户名不写在这里。",
  },
  "tester.cause.port": { en: "The port must be a number from 1 to 65535.", zh: "端口必须是 1 到 65535 的数字。" },
  "tester.cause.transport": { en: "Behind the ? only transport=udp or transport=tcp may follow.", zh: "问号后只能是 transport=udp 或 transport=tcp。" },
  "tester.cause.stunTransport": { en: "stun: URLs take no ?transport=; browsers refuse the whole list for it.", zh: "stun: 地址不能带 ?transport=，浏览器会因此拒绝整个列表。" },
  "tester.cause.username": { en: "A turn: URL needs a user name and a password; browsers refuse it without.", zh: "turn: 地址需要用户名和密码，否则浏览器会拒绝。" },
  "tester.cause.browser": { en: "This browser does not take the URL.", zh: "该浏览器不接受这个地址。" },

  // ---- Statistics ----
};
