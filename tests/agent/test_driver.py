# SPDX-License-Identifier: Apache-2.0
"""A driver that is not there, goes away, hangs, comes back."""
import signal

from conftest import time_slicing, wait_devices, wait_for

GPU = "nvidia.com/gpu"


def test_exits_without_a_driver(carved, node):
    node.hide_driver()
    run = carved(arguments=["--driver-root-ctr-path", "/nowhere"])
    run.expected_codes = [1]
    assert run.process.wait(20) == 1
    assert "install the NVIDIA driver" in run.log() and "libnvidia-ml.so.1" in run.log()


def test_waits_for_a_driver(carved, kubelet, node):
    node.hide_driver()
    run = carved(arguments=["--fail-on-init-error=false"])
    run.wait_log("no slices until it can")
    assert "libnvidia-ml.so.1" in run.state().driver_error
    assert not kubelet.registrations
    node.show_driver()
    wait_devices(kubelet, {GPU: 8})
    assert not run.state().driver_error


def test_sighup_looks_for_the_driver_at_once(carved, kubelet, node):
    node.hide_driver()
    run = carved(arguments=["--fail-on-init-error=false", "--rescan-interval", "0"])
    run.wait_log("no slices until it can")
    node.show_driver()
    run.signal(signal.SIGHUP)
    wait_devices(kubelet, {GPU: 8})


def test_stays_up_with_a_bad_file_and_no_driver(carved, kubelet, node):
    node.hide_driver()
    run = carved(time_slicing(0))
    run.wait_log("no slices until it can")
    node.show_driver()
    run.configure(time_slicing(2))
    wait_devices(kubelet, {GPU: 16})


def test_answers_while_the_driver_hangs(carved, kubelet, node):
    run = carved(time_slicing(4), ["--driver-timeout", "300ms", "--driver-grace", "0"])
    wait_devices(kubelet, {GPU: 32})
    node.emulator("hang", "on")
    try:
        run.wait_log("keeping the last inventory")
        assert "has not answered for 300 ms" in run.state().driver_error
        assert len(run.state().inventory.gpus) == 8
        plugin = kubelet.plugins[GPU]
        assert len(plugin.allocate([kubelet.ids()[0]])) == 1
        assert len(plugin.prefer(kubelet.ids(), 4)) == 4
        run.configure(time_slicing(5))
        wait_devices(kubelet, {GPU: 40})
        kubelet.restart()
        wait_devices(kubelet, {GPU: 40})
    finally:
        node.emulator("hang", "off")
    wait_for(lambda: not run.state().driver_error, "the driver's return")
    run.wait_log("hardware can be read again")
    assert run.log().count("has not answered") == 1
    node.emulator("lose", 0)
    wait_devices(kubelet, {GPU: 35})


def test_a_driver_that_hangs_at_the_start(carved, kubelet, node):
    node.emulator("hang", "on")
    try:
        run = carved(arguments=["--driver-timeout", "200ms"])
        run.wait_log("no slices until it can")
        assert "has not answered for 200 ms" in run.state().driver_error
        assert run.process.poll() is None
    finally:
        node.emulator("hang", "off")
    wait_devices(kubelet, {GPU: 8})


def test_stops_while_the_driver_hangs(carved, kubelet, node):
    run = carved(arguments=["--driver-timeout", "200ms"])
    wait_devices(kubelet, {GPU: 8})
    node.emulator("hang", "on")
    try:
        run.wait_log("keeping the last inventory")
        run.signal(signal.SIGTERM)
        assert run.process.wait(20) == 0
    finally:
        node.emulator("hang", "off")


def test_stops_while_the_driver_is_slow(carved, kubelet, node):
    run = carved()
    wait_devices(kubelet, {GPU: 8})
    node.emulator("hang", "on")
    try:
        run.signal(signal.SIGHUP)
        run.wait_log("looking at")
        run.signal(signal.SIGTERM)
        assert run.process.wait(20) == 0
    finally:
        node.emulator("hang", "off")
