"""The session of the Python SDK's demo, with the MQTT library it is bound to: python-sdk.md section 6.

Arguments: transport, port, product, device, user name, password, CA file. Exit status 0: everything happened in time.
"""

import json
import ssl
import sys
import threading

import paho.mqtt.client as mqtt

transport, port, product, device, user, password, ca = sys.argv[1:]
ask = "$sys/operation/%s/%s" % (product, device)
answer = "$sys/operation/result/%s/%s" % (product, device)
done = {name: threading.Event() for name in ("connected", "subscribed", "message", "unsubscribed", "disconnected")}
seen = {}


def on_connect(client, userdata, flags, code):
    seen["connect"] = (flags, code)
    done["connected"].set()


def on_subscribe(client, userdata, mid, granted):
    seen["subscribe"] = (mid, granted)
    done["subscribed"].set()


def on_message(client, userdata, message):
    seen["message"] = (message.topic, message.payload)
    done["message"].set()


def on_unsubscribe(client, userdata, mid):
    seen["unsubscribe"] = mid
    done["unsubscribed"].set()


def on_disconnect(client, userdata, code):
    done["disconnected"].set()


def wait(name):
    if not done[name].wait(5):
        sys.exit("nothing came: %s; seen so far: %r" % (name, seen))


client = mqtt.Client(
    product + device, True, None, mqtt.MQTTv31, "websockets" if transport.startswith("websockets") else "tcp"
)
client.username_pw_set(user, password)
if transport in ("tls", "websockets-tls"):
    client.tls_set_context(ssl.create_default_context(cafile=ca))
client.on_connect = on_connect
client.on_subscribe = on_subscribe
client.on_message = on_message
client.on_unsubscribe = on_unsubscribe
client.on_disconnect = on_disconnect
client.connect_async("localhost", int(port), 60)
client.loop_start()
wait("connected")
assert seen["connect"] == ({"session present": 0}, 0), seen
# The publish does not wait for the SUBACK.
subscribe_id = client.subscribe(answer, 0)[1]
client.publish(ask, json.dumps({"type": "get", "resource": ["time"]}), 0)
wait("subscribed")
assert seen["subscribe"] == (subscribe_id, (0,)), seen
wait("message")
topic, payload = seen["message"]
reply = json.loads(payload)
assert topic == answer and len(payload) == 82 and reply["type"] == "get", seen
assert reply["time"] == reply["ntptime2"] // 1000, seen
unsubscribe_id = client.unsubscribe(answer)[1]
wait("unsubscribed")
assert (subscribe_id, unsubscribe_id, seen["unsubscribe"]) == (1, 3, 3), seen
client.disconnect()
wait("disconnected")
client.loop_stop()
