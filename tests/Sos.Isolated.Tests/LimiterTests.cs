using System;
using System.IO;
using System.Linq;
using System.Text.Json;
using Xunit;

namespace Sos.Isolated.Tests;

/// <summary>The sample with a control side, between two cables: its start option, its parameter, its table and its verbs.</summary>
public sealed class LimiterTests : IsolatedScenario
{
    private readonly string _folder = Directory.CreateTempSubdirectory("sos-limiter-").FullName;

    [Fact]
    public void AHostGetsWhatItsTableSaysAndAnotherTableAtOnce()
    {
        using NetworkChain network = new();
        string before = network.Configuration();
        Reserve();
        Command.SosctlJson(
            network.Middle, "service", "start", $"{Cpu}", Command.Metadata("Limiter"), "--port", "wan=eth0", "--port", "lan=eth1",
            "--limits", File("tight", "10.77.4.2 1 # a packet a second"), "-p", "burst=1").Succeeded();

        // Four packets on the way to it in less than a second: at least two of them find no token, however slow the machine.
        Command.Await(() =>
        {
            Command.Shell($"ip netns exec {network.Left} ping -c 4 -i 0.01 -W 1 10.77.4.2");
            return Entry().GetProperty("dropped").GetUInt64() > 0;
        }, "nothing was dropped");
        Command.Await(() => Entry().GetProperty("passed").GetUInt64() > 0, "nothing passed");
        Assert.Equal("10.77.4.2", Entry().GetProperty("address").GetString());

        JsonElement applied = Command.SosctlJson(null, "limiter", "apply", $"{Cpu}", File("none", "10.77.4.9 1")).Succeeded().Json;
        Assert.Equal(1, applied.GetProperty("entries").GetInt32());
        Command.Shell($"ip netns exec {network.Left} ping -c 20 -i 0.01 -W 10 10.77.4.2").Succeeded();

        Result refused = Command.SosctlJson(null, "limiter", "apply", $"{Cpu}", File("wrong", "10.77.4.2 none"));
        Assert.Equal(8, refused.ExitCode);
        Assert.Contains(":1:", refused.Json.GetProperty("error").GetProperty("message").GetString(), StringComparison.Ordinal);
        network.AssertPing();

        Command.SosctlJson(null, "service", "restart", $"{Cpu}", "-p", "burst=8").Succeeded();
        network.AssertPing();
        Assert.Equal("10.77.4.9", Entry().GetProperty("address").GetString());
        Command.SosctlJson(null, "service", "stop", $"{Cpu}").Succeeded();
        Assert.Equal(before, network.Configuration());
    }

    protected override void Clean() => Directory.Delete(_folder, recursive: true);

    private JsonElement Entry()
        => Command.SosctlJson(null, "limiter", "show", $"{Cpu}").Succeeded().Json.GetProperty("entries").EnumerateArray().Single();

    private string File(string name, string text)
    {
        string path = Path.Combine(_folder, name);
        System.IO.File.WriteAllText(path, text + "\n");
        return path;
    }
}
