"""aioice as a TURN client: allocates, refreshes, echoes through the relay, is refused with a wrong password.

    python aioice_relay.py udp|tcp|tls ROOT-PEM SERVER-IP SERVER-PORT USER PASSWORD PEER-IP PEER-PORT

The peer sends every datagram back. Prints name=value lines; the caller judges.
The packages come from requirements.txt (./check installs them into .venv).
"""

import asyncio
import ssl
import sys

from aioice import stun
from aioice.turn import TurnClientTcpProtocol, TurnClientUdpProtocol

DATAGRAMS = 200
LARGEST = 1200  # bytes
TIME_LIMIT = 20  # seconds
LIFETIME = 600  # seconds


class Receiver(asyncio.DatagramProtocol):
    """Keeps what comes out of the relay, in order."""

    def __init__(self):
        self.queue = asyncio.Queue()

    def datagram_received(self, data, addr):
        self.queue.put_nowait((data, addr))


async def open_client(way, server, user, password):
    """aioice's client below its transport, because only there can a refresh be asked for at once."""
    protocol, root = way
    loop = asyncio.get_running_loop()
    arguments = (server, user, password, LIFETIME)
    if protocol == "udp":
        _, client = await loop.create_datagram_endpoint(
            lambda: TurnClientUdpProtocol(*arguments, channel_refresh_time=500), remote_addr=server
        )
    else:
        context = ssl.create_default_context(cafile=root) if protocol == "tls" else None
        _, client = await loop.create_connection(
            lambda: TurnClientTcpProtocol(*arguments, channel_refresh_time=500), *server, ssl=context
        )
    return client


async def refresh(client):
    """Asks for another lifetime and returns the one granted, in seconds."""
    request = stun.Message(message_method=stun.Method.REFRESH, message_class=stun.Class.REQUEST)
    request.attributes["LIFETIME"] = LIFETIME
    response, _ = await client.request_with_retry(request)
    return response.attributes["LIFETIME"]


async def echo(client, receiver, peer):
    """Sends datagrams of many sizes, one after the other, and counts those that come back unchanged."""
    unchanged = 0
    for number in range(DATAGRAMS):
        data = bytes((number + at) % 256 for at in range(1 + number * 61 % LARGEST))
        await client.send_data(data, peer)
        unchanged += await receiver.queue.get() == (data, peer)
    return unchanged


async def relay(way, server, user, password, peer):
    client = await open_client(way, server, user, password)
    receiver = Receiver()
    client.receiver = receiver
    relayed = await client.connect()
    print(f"relayed_ip={relayed[0]}")
    print(f"echoed={await echo(client, receiver, peer)}")
    print(f"refreshed={await refresh(client)}")
    print(f"echoed_after_refresh={await echo(client, receiver, peer)}")
    await client.delete()


async def wrong_password(way, server, user, password):
    client = await open_client(way, server, user, password + "x")
    try:
        await client.connect()
        print("wrong_password=accepted")
    except stun.TransactionFailed as refusal:
        print(f"wrong_password={refusal.response.error_code}")
    finally:
        client.transport.close()


async def main(protocol, root, server_ip, server_port, user, password, peer_ip, peer_port):
    way, server = (protocol, root), (server_ip, int(server_port))
    async with asyncio.timeout(TIME_LIMIT):
        await relay(way, server, user, password, (peer_ip, int(peer_port)))
        await wrong_password(way, server, user, password)


asyncio.run(main(*sys.argv[1:]))
