using System;
using System.IO;
using System.Text.Json;
using Xunit;

namespace Sos.Isolated.Tests;

/// <summary>
/// The console, alone and with the firewall, on a device that Linux keeps: a visitor logs in at its own address, and Linux's traffic goes on.
/// </summary>
public sealed class ConsoleTests : IsolatedScenario
{
    private const string Address = "10.77.3.100";
    private const string Password = "open sesame";

    private readonly string _password = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
    private readonly string _rules = Path.GetTempFileName();
    private readonly string _folder = Directory.CreateTempSubdirectory("sos-console-").FullName;

    [Fact]
    public void AVisitorLogsInBesideLinux()
    {
        using NetworkPair network = new();
        network.AssertPing();
        Reserve();
        Start(network, "Console");
        network.AssertPing();
        AssertLogIn(network, "console: telnet logged in from 10.77.3.2");
        network.AssertPing();
        string status = Command.SosctlJson(network.Host, "console", "status", $"{Cpu}").Succeeded().Output;
        Assert.Contains("\"console.logins\":1", status, StringComparison.Ordinal);
        Command.SosctlJson(network.Host, "service", "stop", $"{Cpu}").Succeeded();
        network.AssertPing();
    }

    [Fact]
    public void AVisitorLogsInBySshTwentyTimesOfTwenty()
    {
        const int LogIns = 20;
        using NetworkPair network = new();
        network.AssertPing();
        Reserve();
        Command.Shell($"ssh-keygen -q -t ed25519 -N '' -C somebody -f {_folder}/id").Succeeded();
        JsonElement key = Command.SosctlJson(null, "console", "key", $"{_folder}/host", "--host", Address).Succeeded().Json;
        File.WriteAllText($"{_folder}/known", key.GetProperty("known_hosts").GetString() + "\n");
        JsonElement started = Command.SosctlJson(
            network.Host, "console", "start", $"{Cpu}", "--image", Command.Metadata("Console"), "--device", "eth0", "--address", Address,
            "--ssh", $"{_folder}/id.pub", "--host-key", $"{_folder}/host").Succeeded().Json;
        Assert.Equal(key.GetProperty("fingerprint").GetString(), started.GetProperty("fingerprint").GetString());
        Command.Await(() => network.AtClient($"ping -c 1 -W 1 {Address}").ExitCode == 0, "the console does not answer");
        for (int i = 0; i < LogIns; i++)
        {
            Assert.Contains("SOS console", network.AtClient(Ssh("version")).Succeeded().Output, StringComparison.Ordinal);
        }

        Assert.Contains("\"key\":\"somebody\"", network.AtClient(Ssh("who --json")).Succeeded().Output, StringComparison.Ordinal);
        network.AssertPing();
        JsonElement status = Command.SosctlJson(network.Host, "console", "status", $"{Cpu}").Succeeded().Json;
        Assert.Equal((ulong)LogIns + 1, status.GetProperty("counters").GetProperty("console.logins").GetUInt64());
        Assert.Equal($"ssh console@{Address}", Assert.Single(status.GetProperty("ssh").EnumerateArray()).GetString());

        // Telnet was not asked for.
        Assert.NotEqual(0, network.AtClient($"timeout 5 bash -c 'exec 3<>/dev/tcp/{Address}/23'").ExitCode);
        Command.SosctlJson(network.Host, "service", "stop", $"{Cpu}").Succeeded();
        network.AssertPing();
    }

    [Fact]
    public void TheRulesJudgeLinuxsFramesAndNotTheConsoles()
    {
        using NetworkPair network = new();
        network.AssertPing();
        File.WriteAllText(_rules, Rules("drop"));
        Reserve();
        Start(network, "Guard", "--rules", _rules);
        AssertLogIn(network, "sos>");
        Assert.NotEqual(0, network.AtClient($"ping -c 1 -W 1 {NetworkPair.HostAddress}").ExitCode);
        File.WriteAllText(_rules, Rules("accept"));
        Command.SosctlJson(network.Host, "firewall", "apply", $"{Cpu}", _rules).Succeeded();
        network.AssertPing();
        AssertLogIn(network, "sos>");
    }

    [Fact]
    public void WithoutTelnetNothingListens()
    {
        using NetworkPair network = new();
        Reserve();
        Command.SosctlJson(
            network.Host, "service", "start", $"{Cpu}", Command.Metadata("Console"), "--device", "eth0", "-p", $"address={Address}").Succeeded();
        Command.Await(() => network.AtClient($"ping -c 1 -W 1 {Address}").ExitCode == 0, "the console does not answer");
        Assert.NotEqual(0, network.AtClient($"timeout 5 bash -c 'exec 3<>/dev/tcp/{Address}/23'").ExitCode);
    }

    protected override void Clean()
    {
        Directory.Delete(_folder, recursive: true);
        File.Delete(_password);
        File.Delete(_rules);
    }

    private string Ssh(string command)
        => $"env -u SSH_AUTH_SOCK ssh -F none -i {_folder}/id -o IdentitiesOnly=yes -o BatchMode=yes -o StrictHostKeyChecking=yes"
            + $" -o UserKnownHostsFile={_folder}/known -o GlobalKnownHostsFile=none -o ConnectTimeout=60 console@{Address} '{command}'";

    private static string Rules(string policy) => $$"""
        table inet t {
          chain c {
            type filter hook input priority 0; policy {{policy}};
          }
        }

        """;

    private void Start(NetworkPair network, string image, params string[] options)
    {
        Command.Shell($"echo '{Password}' | {Command.Metadata("Ctl")} console password {_password}").Succeeded();
        Command.SosctlJson(
            network.Host,
            [
                "service", "start", $"{Cpu}", Command.Metadata(image), "--device", "eth0", "-p", $"address={Address}", "--telnet", _password, .. options,
            ]).Succeeded();
        Command.Await(() => network.AtClient($"ping -c 1 -W 1 {Address}").ExitCode == 0, "the console does not answer");
    }

    private static void AssertLogIn(NetworkPair network, string shown)
    {
        string script = $"exec 3<>/dev/tcp/{Address}/23 && printf \"{Password}\\rlog\\rexit\\r\" >&3 && timeout 60 cat <&3";
        Assert.Contains(shown, network.AtClient($"bash -c '{script}'").Output, StringComparison.Ordinal);
    }
}
