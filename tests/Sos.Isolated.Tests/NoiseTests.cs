using System.Text.Json;
using Xunit;

namespace Sos.Isolated.Tests;

/// <summary>The noise service on an isolated core: measured as on any service core, and the core is empty again afterwards.</summary>
public sealed class NoiseTests : IsolatedScenario
{
    [Fact]
    public void MeasuresTheCoreAndLeavesItEmpty()
    {
        Reserve();
        JsonElement result = Command.SosctlJson(
            null, "noise", "run", $"{Cpu}", "--duration", "1", "--image", Command.Metadata("Noise")).Succeeded().Json;
        Assert.Equal(("Core", "Isolated"), (result.GetProperty("place").GetString(), result.GetProperty("back_end").GetString()));
        Assert.True(result.GetProperty("gaps").GetUInt64() > 1000, result.ToString());
        Assert.True(result.GetProperty("min_ns").GetDouble() > 0, result.ToString());
        foreach (JsonProperty before in result.GetProperty("linux_before").EnumerateObject())
        {
            Assert.True(result.GetProperty("linux_after").GetProperty(before.Name).GetUInt64() >= before.Value.GetUInt64(), before.Name);
        }

        Assert.Equal("Reserved", State());
        Assert.Contains("isolated service core", Command.Sosctl("noise", "show", $"{Cpu}").Succeeded().Output, System.StringComparison.Ordinal);
    }
}
