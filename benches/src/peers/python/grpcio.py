"""grpcio with plain serializers, and its futures where many calls are in flight."""

import struct
from concurrent.futures import ThreadPoolExecutor

try:
    import grpc
except ImportError:
    not_installed("grpcio")

OPTIONS = [
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", -1),
    # Whatever the environment says: what is measured is on this machine.
    ("grpc.enable_http_proxy", 0),
]

# As in its examples.
SERVER_THREADS = 10

NUMBER = struct.Struct("<q")


def number(data):
    return NUMBER.unpack(data)[0]


def serve():
    methods = {
        "Process": grpc.unary_unary_rpc_method_handler(lambda data, _: data * data, number, NUMBER.pack),
        "Echo": grpc.unary_unary_rpc_method_handler(lambda data, _: data),
    }
    server = grpc.server(ThreadPoolExecutor(SERVER_THREADS), options=OPTIONS)
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("Worker", methods)])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    ready(f"127.0.0.1:{port}")


def connect():
    channel = grpc.insecure_channel(ADDRESS, options=OPTIONS)
    process = channel.unary_unary("/Worker/Process", NUMBER.pack, number)
    echo = channel.unary_unary("/Worker/Echo")

    def call(calls):
        method = echo if calls.bytes else process
        if calls.window == 1:
            nanos = calls.one_by_one(method)
            return len(nanos), nanos

        def start(data, done):
            def ended(future):
                error = future.exception()
                done(None if error else future.result(), error)

            method.future(data).add_done_callback(ended)

        return calls.many_at_once(start), []

    return call


run(serve, connect)
