"""The services as a client of its own sees them, with the library and the JSON spelling of the Python SDK: python-sdk.md section 7.

Arguments: port, product, device, user name, password, product and device of a sub-device, its secret. First what the device
starts: shadow, configuration, a sub-device. Then a publish on `event`, and what the platform starts, up to {"last": true}.
"""

import base64
import hashlib
import hmac
import json
import queue
import sys

import paho.mqtt.client as mqtt

port, product, device, user, password, sub_product, sub_device, sub_secret = sys.argv[1:]
own = "%s/%s" % (product, device)
sub = "%s/%s" % (sub_product, sub_device)
results = {name: "$%s/operation/result/%s" % (name, own) for name in ("shadow", "config", "gateway")}
inbox = queue.Queue()


def take(topic):
    message = inbox.get(timeout=10)
    assert message.topic == topic, (message.topic, topic)
    return json.loads(message.payload)


def ask(service, request):
    client.publish("$%s/operation/%s" % (service, own), json.dumps(request), 0)
    return take(results[service])


def subscribe(*topics):
    for topic in topics:
        number = client.subscribe(topic, 0)[1]
        assert acknowledged.get(timeout=10) == (number, (0,)), topic


client = mqtt.Client(product + device, True, None, mqtt.MQTTv31)
client.username_pw_set(user, password)
connected, acknowledged = queue.Queue(), queue.Queue()
client.on_connect = lambda client, userdata, flags, code: connected.put(code)
client.on_subscribe = lambda client, userdata, number, granted: acknowledged.put((number, granted))
client.on_message = lambda client, userdata, message: inbox.put(message)
client.connect_async("localhost", int(port), 60)
client.loop_start()
assert connected.get(timeout=10) == 0
subscribe(*results.values(), "$rrpc/rxd/%s/+" % own, "$broadcast/rxd/%s" % own)

answer = ask("shadow", {"clientToken": "t-1", "type": "get"})
assert (answer["clientToken"], answer["result"], answer["payload"]["version"]) == ("t-1", 0, 0), answer
answer = ask("shadow", {"state": {"reported": {"on": True}}, "clientToken": "t-2", "type": "update"})
assert answer["payload"]["state"] == {"reported": {"on": True}}, answer
assert ask("config", {"type": "get"}) == {"type": "reply", "result": 1001, "payload": {}}

text = "%s%s;%d;%d" % (sub_product, sub_device, 7, 1760000000)
signature = base64.b64encode(hmac.new(sub_secret.encode(), text.encode(), hashlib.sha1).digest()).decode()
entry = {"product_id": sub_product, "device_name": sub_device}
signed = dict(entry, signature=signature, random=7, timestamp=1760000000, signmethod="hmacsha1", authtype="psk")
for kind, sent in (("bind", signed), ("online", entry)):
    answer = ask("gateway", {"type": kind, "payload": {"devices": [sent]}})
    assert answer == {"type": kind, "payload": {"devices": [dict(entry, result=0)]}}, answer
assert ask("gateway", {"type": "describe_sub_devices"})["payload"]["devices"] == [entry]
subscribe("%s/data" % sub)

client.publish("%s/event" % own, json.dumps("ready"), 0)
delta = take(results["shadow"])
assert (delta["type"], delta["payload"]["state"]) == ("delta", {"on": False}), delta
answer = ask("shadow", {"state": {"reported": {"on": False}, "desired": None}, "clientToken": "t-3", "type": "update"})
assert answer["result"] == 0, answer
call = inbox.get(timeout=10)
base, number = call.topic.rsplit("/", 1)
assert base == "$rrpc/rxd/%s" % own, call.topic
client.publish("$rrpc/txd/%s/%s" % (own, number), json.dumps({"reply": json.loads(call.payload)}), 0)
assert take(results["config"]) == {"type": "push", "payload": {"interval": 30}}
assert inbox.get(timeout=10).payload == b"not JSON"
assert take("$broadcast/rxd/%s" % own) == {"last": True}
assert inbox.empty()
client.disconnect()
client.loop_stop()
