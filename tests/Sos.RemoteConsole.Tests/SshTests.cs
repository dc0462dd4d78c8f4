using System;
using System.Collections.Concurrent;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Text.Json;
using Sos.Sdk.Control;
using Sos.Ssh.Keys;
using Xunit;

namespace Sos.RemoteConsole.Tests;

/// <summary>OpenSSH's client logs in over Linux's TCP: commands, shells, several sessions, and who is refused.</summary>
public sealed class SshTests : IDisposable
{
    private readonly SshVisitor _visitor = new();
    private readonly LinuxPeer _peer;

    public SshTests() => _peer = new LinuxPeer(_visitor.Parameters());

    public void Dispose()
    {
        _peer.Dispose();
        _visitor.Dispose();
    }

    [Theory]
    [InlineData("help", "these commands")]
    [InlineData("status", "\nlogins            1\n")]
    [InlineData("service", "console.received ")]
    [InlineData("log", "console: ssh logged in from 10.77.9.1")]
    [InlineData("who", "  ssh     yes  ")]
    [InlineData("version", "SOS console")]
    [InlineData("uptime", "linux        ")]
    [InlineData("exit", "")]
    public void EachCommandRuns(string command, string shown)
    {
        _peer.AwaitPing();
        (int status, string output) = Run(command);
        Assert.Equal(0, status);
        Assert.Contains(shown, output, StringComparison.Ordinal);
        Assert.DoesNotContain('\r', output);
        Assert.DoesNotContain("sos>", output, StringComparison.Ordinal);
    }

    [Fact]
    public void TablesAreAlsoJson()
    {
        _peer.AwaitPing(LinuxPeer.Address6);
        JsonElement who = Json("who");
        JsonElement me = Assert.Single(who.EnumerateArray());
        Assert.StartsWith("[fd00:77:9::1]:", me.GetProperty("from").GetString(), StringComparison.Ordinal);
        Assert.True(me.GetProperty("logged_in").GetBoolean());
        Assert.Equal(SshVisitor.Label, me.GetProperty("key").GetString());
        Assert.Equal("not known", Json("status").GetProperty("linux").GetString());
        Assert.Contains(Json("service").EnumerateArray(), row => row.GetProperty("counter").GetString() == "console.logins");
        Assert.Contains(Json("log").EnumerateArray(), row => row.GetProperty("text").GetString() == $"console: ssh key {SshVisitor.Label}");
        Assert.Equal(ServiceControl.AbiVersion, Json("version").GetProperty("abi").GetUInt32());
        Assert.True(Json("uptime").TryGetProperty("linux_s", out _));
    }

    [Theory]
    [InlineData("nonsense", 127, "there is no such command")]
    [InlineData("status now", 2, "status takes no arguments")]
    [InlineData("log --all", 2, "log takes -w")]
    [InlineData("help --json", 2, "help has no --json")]
    public void AWrongCommandTellsItsStatusAndWhy(string command, int status, string why)
    {
        _peer.AwaitPing();
        (int told, string output) = Run($"'{command}' 2>/dev/null");
        Assert.Equal(status, told);
        Assert.Empty(output); // it is an error's text
        Assert.Contains(why, Run($"'{command}'").Output, StringComparison.Ordinal);
    }

    [Fact]
    public void AShellHasATerminalALineAndAHistory()
    {
        _peer.AwaitPing();

        // A wrong letter is taken back, the line before is fetched and left, a command that waits is interrupted, and a break is answered. Each is typed when
        // the one before was answered, as people do.
        string shown = _visitor.File("shown");
        string script = $$"""
            await() { for i in $(seq 1200); do grep -a -q -F "$1" {{shown}} && return; sleep 0.1; done; return 1; }
            type() {
                await 'sos> '; printf 'versiom\bn\r'
                await 'abi  '; printf '\033[A\025uptime\r'
                await 'linux  '; printf 'log -w\r'
                await 'ssh logged in'; printf '\003'
                await '^C'; printf '\r~B'
                await 'break: '; printf 'exit\r'
            }
            touch {{shown}}
            type | {{_visitor.Ssh(LinuxPeer.Address, "-tt -e '~'")}} >{{shown}}
            """;
        (int status, _) = _peer.AtPeer(script);
        string output = File.ReadAllText(shown);
        Assert.True(status == 0, output);
        string[] expected = ["sos> versiom\b \bn\r\n", "sos> version\b", "sos> log -w\r\n", "^C\r\nsos> ", "sos> exit\r\n"];
        Assert.All(expected, part => Assert.Contains(part, output, StringComparison.Ordinal));
        Assert.DoesNotContain("no such command", output, StringComparison.Ordinal);
    }

    [Fact]
    public void AProgramsLinesAreRunWithoutATerminal()
    {
        _peer.AwaitPing();
        (int status, string output) = _peer.AtPeer($"printf 'version\\nnonsense\\nuptime' | {_visitor.Ssh(LinuxPeer.Address, "-T")} 2>/dev/null");
        Assert.Equal(0, status);
        Assert.Contains("SOS console\n", output, StringComparison.Ordinal);
        Assert.Contains("linux   ", output, StringComparison.Ordinal); // the last line has no end
        Assert.DoesNotContain("sos>", output, StringComparison.Ordinal);
        Assert.Equal(127, _peer.AtPeer($"printf 'version\\nnonsense\\n' | {_visitor.Ssh(LinuxPeer.Address, "-T")}").ExitCode);
    }

    [Fact]
    public void AConnectionHasSeveralSessions()
    {
        _peer.AwaitPing();
        string control = _visitor.File("control");
        string mux = _visitor.Ssh(LinuxPeer.Address, $"-S {control}");
        string script = $$"""
            await() { for i in $(seq 1200); do "$@" && return; sleep 0.1; done; return 1; }
            {{_visitor.Ssh(LinuxPeer.Address, $"-M -S {control} -N")}} &
            master=$!
            await test -S {{control}} || exit 9
            {{mux}} log -w >{{_visitor.File("waits")}} &
            waits=$!
            await grep -q 'logged in' {{_visitor.File("waits")}} || exit 8
            pids=()
            for i in 1 2 3; do {{mux}} version & pids+=($!); done
            wait "${pids[@]}"
            {{mux}} version
            kill $waits
            {{mux}} who
            {{_visitor.Ssh(LinuxPeer.Address, $"-S {control} -O exit")}}
            wait $master
            """;
        string output = _peer.AtPeer(script).Output;
        Assert.True(output.Split("SOS console").Length - 1 == 4, output);
        Assert.Contains(SshVisitor.Label, output, StringComparison.Ordinal);
        Assert.Equal(1ul, _peer.Counter("console.logins"));
    }

    [Fact]
    public void StrangersAreRefusedAndLogged()
    {
        _peer.AwaitPing();
        foreach (string line in new[] { _visitor.Ssh(LinuxPeer.Address, key: "stranger"), _visitor.Ssh(LinuxPeer.Address, user: "root") })
        {
            Assert.Contains("Permission denied (publickey)", _peer.AtPeer(line + " who").Output, StringComparison.Ordinal);
        }

        Assert.Equal(0ul, _peer.Counter("console.logins"));
        Assert.True(_peer.Counter("console.logins_failed") >= 2);
        string log = Run("log").Output;
        Assert.Contains("console: ssh, key refused from 10.77.9.1", log, StringComparison.Ordinal);
        Assert.Contains("console: ssh ended without log-in from 10.77.9.1", log, StringComparison.Ordinal);
    }

    [Fact]
    public void AnotherHostsKeyIsNoticed()
    {
        _peer.AwaitPing();
        string line = _visitor.Ssh(LinuxPeer.Address);
        File.WriteAllText(_visitor.File("known"), HostKey.Generate().PublicKey.ToKnownHostsLine(LinuxPeer.Address) + "\n");
        Assert.Contains("HOST IDENTIFICATION HAS CHANGED", _peer.AtPeer(line + " who").Output, StringComparison.Ordinal);
    }

    [Fact]
    public void KeyExchangeIsStrict()
    {
        _peer.AwaitPing();
        string output = _peer.AtPeer(_visitor.Ssh(LinuxPeer.Address, "-vv") + " version").Output;
        Assert.Contains("kex-strict-s-v00@openssh.com", output, StringComparison.Ordinal); // Terrapin's condition
        Assert.Contains("chacha20-poly1305@openssh.com", output, StringComparison.Ordinal);
    }

    [Fact]
    public void AForcedCommandIsTheOnlyOne()
    {
        string keys = _visitor.File("authorized_keys");
        File.WriteAllText(keys, File.ReadAllText(keys).Replace("ssh-ed25519", "restrict,command=\"version\" ssh-ed25519", StringComparison.Ordinal));
        using LinuxPeer peer = new(_visitor.Parameters());
        peer.AwaitPing();
        (int status, string output) = peer.AtPeer(_visitor.Ssh(LinuxPeer.Address) + " who");
        Assert.Equal(0, status);
        Assert.Contains("SOS console", output, StringComparison.Ordinal);
        Assert.DoesNotContain("FROM", output, StringComparison.Ordinal);
    }

    [Fact]
    public void ARebootEndsAllConnectionsFirst()
    {
        ConcurrentQueue<(ServiceAction Action, ulong Argument)> calls = new();
        using LinuxPeer peer = new(_visitor.Parameters(), parameters => new HarnessConsole(
            parameters,
            GrantedActions.Pack(1u << (int)ServiceAction.Reset, 1u << (int)ResetMethod.Triple),
            (action, argument) =>
            {
                calls.Enqueue((action, argument));
                return ActionAnswer.NotReset; // as if the machine had none: the console comes back, and the log tells
            }));
        peer.AwaitPing();
        string line = $"timeout 100 {_visitor.Ssh(LinuxPeer.Address)}"; // 124 of one who waits in vain
        (int status, string output) = peer.AtPeer($$"""
            touch {{_visitor.File("waits")}}
            {{line}} log -w >{{_visitor.File("waits")}} &
            other=$!
            for i in $(seq 900); do grep -q 'logged in' {{_visitor.File("waits")}} && break; sleep 0.1; done
            {{line}} reboot --yes; one=$?
            wait $other; echo "ends: $one $?"
            """);
        Assert.Contains("is reset now", output, StringComparison.Ordinal);
        Assert.Contains("ends: 255 255", output, StringComparison.Ordinal);
        Assert.Equal(0, status);
        for (Stopwatch waited = Stopwatch.StartNew(); !peer.AtPeer($"{line} log").Output.Contains("power switch", StringComparison.Ordinal);)
        {
            Assert.True(waited.Elapsed < TimeSpan.FromMinutes(2), "the log does not tell");
        }

        Assert.Equal([(ServiceAction.Reset, (ulong)ResetMethod.Triple)], calls);
    }

    [Fact]
    public void TwentyOfTwentyLogInOverALossyCable()
    {
        const int LogIns = 20;
        _peer.AwaitPing();
        _peer.LossPercent = 3;
        string line = _visitor.Ssh(LinuxPeer.Address);
        int[] all = [.. Enumerable.Range(0, LogIns).AsParallel().WithDegreeOfParallelism(3).Select(_ => _peer.AtPeer(line + " version").ExitCode)];
        Assert.All(all, status => Assert.Equal(0, status));
        Assert.Equal((ulong)LogIns, _peer.Counter("console.logins"));
    }

    [Fact]
    public void StrangersDoNotFlushTheLog()
    {
        _peer.AwaitPing();
        Assert.Equal(0, Run("version").ExitCode);
        string strangers = $"for i in $(seq 300); do exec 3<>/dev/tcp/{LinuxPeer.Address}/22 && read -r -u 3 || exit; done";
        (int status, string output) = _peer.AtPeer(strangers);
        Assert.True(status == 0, output);
        Assert.True(_peer.Counter("console.unlogged") > 0);
        string log = Run("log").Output;
        Assert.True(log.Split("console: ssh logged in from").Length - 1 == 2, log);
    }

    private (int ExitCode, string Output) Run(string command) => _peer.AtPeer($"{_visitor.Ssh(LinuxPeer.Address)} {command}");

    private JsonElement Json(string command)
    {
        (int status, string output) = _peer.AtPeer($"{_visitor.Ssh(LinuxPeer.Address6)} {command} --json");
        Assert.Equal(0, status);
        return JsonDocument.Parse(output).RootElement;
    }
}
