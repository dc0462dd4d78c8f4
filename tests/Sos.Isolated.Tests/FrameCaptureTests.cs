using System.Diagnostics;
using System.IO;
using System.Text;
using System.Text.RegularExpressions;
using Xunit;

namespace Sos.Isolated.Tests;

/// <summary><c>sosctl capture</c> at a firewall that runs: what it drops is written, with the rule that dropped it.</summary>
public sealed class FrameCaptureTests : IsolatedScenario
{
    [Fact]
    public void DroppedFramesAreWrittenWithTheRuleThatDroppedThem()
    {
        using NetworkPair network = new();
        string folder = Directory.CreateTempSubdirectory("sos-frames-").FullName;
        try
        {
            string rules = Path.Combine(folder, "rules.nft");
            string file = Path.Combine(folder, "dropped.pcapng");
            File.WriteAllText(rules, "table inet f {\n chain i { type filter hook input priority 0; policy accept;\n  udp dport 9999 counter drop\n }\n}\n");
            Reserve();
            Command.SosctlJson(
                network.Host, "service", "start", $"{Cpu}", Command.Metadata("Firewall"), "--device", "eth0", "--rules", rules).Succeeded();
            network.AssertPing();
            using (Process capture = Command.Start(
                "ip", "netns", "exec", network.Host, Command.Metadata("Ctl"), "capture", $"{Cpu}", "--dropped", "-w", file, "-c", "3"))
            {
                Command.Await(() => Sends(network, capture), "the capture does not end");
                Assert.Equal(0, capture.ExitCode);
            }

            string written = Encoding.Latin1.GetString(File.ReadAllBytes(file));
            Assert.Equal(3, Regex.Count(written, "dropped: table inet f, chain i, rule handle \\d+: udp dport 9999"));
            Command.SosctlJson(network.Host, "service", "stop", $"{Cpu}").Succeeded();
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static bool Sends(NetworkPair network, Process capture)
    {
        network.AtClient($"bash -c 'echo x > /dev/udp/{NetworkPair.HostAddress}/9999'").Succeeded();
        return capture.HasExited;
    }
}
