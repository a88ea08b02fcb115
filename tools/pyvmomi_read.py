"""Reads with pyvmomi what the gateway reads of a vCenter, and says what it cost: a yardstick of `./dev bench inventory`.

The address and the account come by the environment, as do the types and paths that are asked for. One line of JSON goes
to standard output.
"""

import json
import os
import ssl
import time
import urllib.parse

from pyVim.connect import Disconnect, SmartConnect
from pyVmomi import vim, vmodl

PAGE_OBJECTS = 500


def managed_type(name):
    """pyvmomi sorts some types into modules that the wire does not know."""
    return getattr(vim, name, None) or getattr(vim.dvs, name)


def main():
    url = urllib.parse.urlsplit(os.environ["BENCH_URL"])
    asked = json.loads(os.environ["BENCH_ASKED"])
    began, cpu_began = time.monotonic(), time.process_time()
    context = ssl.create_default_context()
    # The simulator of the benchmark, on loopback, with a certificate of its own.
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    instance = SmartConnect(host=url.hostname, port=url.port, user=os.environ["BENCH_USERNAME"],
                            pwd=os.environ["BENCH_PASSWORD"], sslContext=context)
    content = instance.RetrieveContent()
    collector = vmodl.query.PropertyCollector
    types = [(managed_type(name), paths) for name, paths in asked]
    view = content.viewManager.CreateContainerView(content.rootFolder, [kind for kind, _ in types], True)
    spec = collector.FilterSpec(
        propSet=[collector.PropertySpec(type=kind, all=False, pathSet=paths) for kind, paths in types],
        objectSet=[
            collector.ObjectSpec(obj=content.rootFolder, skip=False),
            collector.ObjectSpec(obj=view, skip=True, selectSet=[
                collector.TraversalSpec(type=vim.view.ContainerView, path="view", skip=False)]),
        ])
    own = content.propertyCollector.CreatePropertyCollector()
    own.CreateFilter(spec, False)
    version, objects = "", 0
    while True:
        answer = own.WaitForUpdatesEx(version, collector.WaitOptions(maxWaitSeconds=8, maxObjectUpdates=PAGE_OBJECTS))
        objects += sum(len(update.objectSet) for update in answer.filterSet)
        version = answer.version
        if not answer.truncated:
            break
    print(json.dumps({"wall_s": time.monotonic() - began, "cpu_s": time.process_time() - cpu_began, "objects": objects,
                      "bytes": 0}))
    Disconnect(instance)


if __name__ == "__main__":
    main()
