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

    def test_commands_that_go_on(self) -> None:
        with Sandbox.create(ttl_seconds=300, environment={"A": "set"}) as sb:
            echo = sb.commands.start("echo $A; cat; echo bad >&2; exit 3", stdin=True, cwd="/tmp")
            for number in range(5):
                echo.write(f"{number}\n")
            self.assertIn(echo.pid, [one.pid for one in sb.commands.list()])
            for event in echo.output():
                if event.data.endswith("4\n"):
                    break
            echo.write(b"end\n")
            echo.close_stdin()
            result = sb.commands.connect(echo.pid).wait()
            self.assertEqual(result.stdout, "set\n0\n1\n2\n3\n4\nend\n")
            self.assertEqual((result.stderr, result.exit_code, result.truncated), ("bad\n", 3, False))
            rest = list(echo.output(after=event.position))
            self.assertEqual("".join(one.data for one in rest if one.type == "stdout"), "end\n")
            self.assertFalse(echo.kill())

            shell = sb.commands.start(["bash", "--norc"], terminal=(70, 20), env={"PS1": ""}, user="root")
            shell.resize(71, 21)
            shell.write("stty size; exit 4\n")
            ended = shell.wait()
            self.assertIn("21 71", ended.stdout)
            self.assertEqual(ended.exit_code, 4)
            long = sb.commands.start("sleep 1000")
            self.assertTrue(long.kill("SIGTERM"))
            self.assertEqual(long.wait().signal, "SIGTERM")
            self.assertTrue(sb.commands.start("sleep 1000", timeout_seconds=0.5).wait().timed_out)
            with self.assertRaises(ThawError) as missing:
                sb.commands.connect(999_999).wait()
            self.assertEqual(missing.exception.code, "not_found")

    def test_file_tree(self) -> None:
        with Sandbox.create(ttl_seconds=300) as sb:
            self.assertEqual(sb.files.make_directory("/app/a/b").type, "directory")
            changes = sb.files.watch("/app/a", recursive=True)
            sb.files.write("/app/a/b/file", "12345", mode=0o600)
            self.assertEqual(next(one for one in changes if one.path == "/app/a/b/file").type, "create")
            changes.close()
            entry = sb.files.stat("/app/a/b/file")
            self.assertEqual((entry.size_bytes, entry.mode, entry.owner, entry.target), (5, 0o600, "app", None))
            self.assertEqual([one.path for one in sb.files.list("/app/a", depth=2)], ["/app/a/b", "/app/a/b/file"])
            self.assertEqual(sb.files.move("/app/a/b/file", "/app/new/file").path, "/app/new/file")
            sb.files.remove("/app/new")
            self.assertFalse(sb.files.exists("/app/new/file"))
            for wrong in (lambda: sb.files.remove("/app/new"), lambda: sb.files.stat("/app/nothing")):
                with self.assertRaises(ThawError) as missing:
                    wrong()
                self.assertEqual(missing.exception.code, "not_found")
            with self.assertRaises(ThawError) as relative:
                sb.files.list("/app/../etc")
            self.assertEqual(relative.exception.code, "invalid_input")

    def test_code(self) -> None:
        with Sandbox.create("code-interpreter", ttl_seconds=300, environment={"A": "set"}) as sb:
            said: list[tuple[str, str]] = []
            done = sb.run_code("import os; x = 20; print(os.environ['A']); x + 1", on_output=lambda *one: said.append(one))
            self.assertEqual((done.text, done.stdout, done.error), ("21", "set\n", None))
            self.assertEqual(said, [("stdout", "set\n")])
            self.assertEqual(sb.run_code("x * 2").text, "40")
            error = sb.run_code("1 / 0").error
            assert error is not None
            self.assertEqual(error.name, "ZeroDivisionError")

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
            cat = await one.commands.start("cat", stdin=True)
            many = [await one.commands.start("sleep 1000") for _ in range(10)]
            waiting = [asyncio.create_task(command.wait()) for command in many]
            await cat.write("here\n")
            await cat.close_stdin()
            self.assertEqual((await cat.wait()).stdout, "here\n")
            self.assertEqual(len(await one.commands.list()), 10)
            await asyncio.gather(*(command.kill() for command in many))
            self.assertEqual({ended.signal for ended in await asyncio.gather(*waiting)}, {"SIGKILL"})
            long = await one.commands.start("echo begun; sleep 3; echo over")
            with self.assertRaises(TimeoutError):
                async with asyncio.timeout(1):
                    async for event in long.output():
                        self.assertEqual(event.data, "begun\n")
            self.assertEqual((await long.wait()).stdout, "begun\nover\n")
            changes = await one.files.watch("/app")
            await one.files.make_directory("/app/made")
            async for change in changes:
                self.assertEqual((change.type, change.path), ("create", "/app/made"))
                break
            self.assertTrue(await one.files.exists("/app/made"))
        self.assertEqual((await AsyncSandbox.get(one.id)).info.state, "ended")


if __name__ == "__main__":
    unittest.main()
