"""Run by python-sdk.test.ts, with THAW_URL and THAW_API_KEY of a real server."""

import asyncio
import unittest

from thaw import AsyncSandbox, Sandbox, ThawError


class Sync(unittest.TestCase):
    def test_journey(self) -> None:
        with Sandbox.create(template="python", ttl_seconds=300, metadata={"user": "ada"}, environment={"A": "set"}) as sb:
            result = sb.exec("python3 -c 'print(sum(range(100)))'", timeout_seconds=30)
            self.assertEqual((result.stdout, result.exit_code), ("4950\n", 0))
            self.assertEqual(sb.exec("echo $A; echo bad >&2; exit 3").stderr, "bad\n")
            self.assertEqual(sb.exec(["sh", "-c", "exit 3"]).exit_code, 3)
            self.assertTrue(sb.exec("sleep 60", timeout_seconds=1).timed_out)

            events = list(sb.stream("echo one; echo two"))
            self.assertEqual("".join(event.data for event in events), "one\ntwo\n")
            self.assertEqual((events[-1].type, events[-1].exit_code), ("exit", 0))
            endless = sb.stream("while :; do echo more; sleep 0.1; done")
            self.assertEqual(next(endless).data, "more\n")
            endless.close()

            sb.files.write("/app/dir/bytes", bytes(range(256)) * 1000)
            self.assertEqual(sb.files.read_bytes("/app/dir/bytes"), bytes(range(256)) * 1000)
            with self.assertRaises(ThawError) as missing:
                sb.files.read("/app/nothing")
            self.assertEqual(missing.exception.code, "not_found")

            self.assertEqual([one.id for one in Sandbox.list(metadata={"user": "ada"})], [sb.id])
            self.assertEqual(sb.pause().state, "paused")
            self.assertEqual(sb.exec("echo here").stdout, "here\n")
            (copy,) = sb.fork()
            with copy:
                self.assertEqual(copy.files.read_bytes("/app/dir/bytes")[:2], b"\x00\x01")
            self.assertEqual(sb.set_egress(["example.com"]).allow, ("example.com",))
        self.assertEqual(Sandbox.get(sb.id).info.end_reason, "killed")
        with self.assertRaises(ThawError) as gone:
            sb.exec("true")
        self.assertEqual((gone.exception.code, gone.exception.status), ("gone", 410))

    def test_refusals(self) -> None:
        with self.assertRaises(ThawError) as wrong:
            Sandbox.create(template="nothing")
        self.assertEqual(wrong.exception.code, "not_found")
        with self.assertRaises(ThawError) as key:
            Sandbox.list(api_key="thw_wrong")
        self.assertEqual(key.exception.status, 401)
        with self.assertRaises(ThawError) as nobody:
            Sandbox.list(url="http://127.0.0.1:9")
        self.assertEqual(nobody.exception.code, "unreachable")


class Async(unittest.IsolatedAsyncioTestCase):
    async def test_journey(self) -> None:
        async with await AsyncSandbox.create(template="base", ttl_seconds=300) as one, await AsyncSandbox.create() as two:
            results = await asyncio.gather(one.exec("sleep 0.3; echo 1"), two.exec("sleep 0.3; echo 2"))
            self.assertEqual([result.stdout for result in results], ["1\n", "2\n"])
            data = [event.data async for event in one.stream("echo a; echo b") if event.type == "stdout"]
            self.assertEqual("".join(data), "a\nb\n")
            await one.files.write("/app/note", "text")
            self.assertEqual(await one.files.read("/app/note"), "text")
        self.assertEqual((await AsyncSandbox.get(one.id)).info.state, "ended")


if __name__ == "__main__":
    unittest.main()
