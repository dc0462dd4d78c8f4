using System.IO;
using System.Text.Json;
using Sos.Cores;
using Sos.Verbs;
using Xunit;

namespace Sos.Ctl.Tests;

public class CommandLineTests
{
    [Theory]
    [InlineData("core", "reserve", "x")]
    [InlineData("core", "reserve")]
    [InlineData("core", "nonsense")]
    [InlineData("core", "reserve", "1", "--lease", "10x")]
    [InlineData("core", "reserve", "1", "--resctrl-class", "65536")]
    [InlineData("core", "reserve", "1", "--resctrl-class", "-1")]
    [InlineData("core", "reserve", "1", "--resctrl-class", "gold")]
    [InlineData("core", "reserve", "1", "--isolated", "--resctrl-class", "1")]
    [InlineData("service", "enable", "edge", "--core", "1", "--back-end", "isolated")]
    [InlineData("core", "renew", "1", "tomorrow")]
    [InlineData("service", "start", "1", "a.sosimg", "--watchdog", "never")]
    [InlineData("service", "start", "1", "a.sosimg", "--arena", "7Q")]
    [InlineData("service", "start", "1", "a.sosimg", "--force")]
    public void WrongUsageIsExitCode2(params string[] arguments)
        => Assert.Equal((int)SosError.Usage, Run(arguments).ExitCode);

    [Fact]
    public void ErrorsAreDocumentsWithJson()
    {
        (int exitCode, string output) = Run("image", "show", "/nonexistent.sosimg", "--json");
        Assert.Equal((int)SosError.NotFound, exitCode);
        using JsonDocument document = JsonDocument.Parse(output);
        JsonElement error = document.RootElement.GetProperty("error");
        Assert.Equal("NotFound", error.GetProperty("kind").GetString());
        Assert.Equal(6, error.GetProperty("exit_code").GetInt32());
        Assert.Contains("sosctl image build", error.GetProperty("message").GetString(), System.StringComparison.Ordinal);
    }

    [Fact]
    public void CoreListWorksWithoutTheDriver()
    {
        (int exitCode, string output) = Run("core", "list", "--json");
        Assert.Equal(0, exitCode);
        using JsonDocument document = JsonDocument.Parse(output);
        JsonElement first = document.RootElement.GetProperty("cores")[0];
        Assert.Equal(0, first.GetProperty("cpu").GetInt32());
        Assert.False(first.GetProperty("reservable").GetBoolean());
    }

    [Fact]
    public void FileThatIsNoImageIsExitCode7()
    {
        string path = Path.GetTempFileName();
        try
        {
            File.WriteAllText(path, "no image");
            Assert.Equal((int)SosError.BadImage, Run("image", "verify", path).ExitCode);
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Theory]
    [InlineData("4096", 4096UL)]
    [InlineData("2K", 2048UL)]
    [InlineData("3m", 3UL << 20)]
    [InlineData("1G", 1UL << 30)]
    public void SizesHaveUnits(string text, ulong expected)
    {
        Assert.True(Sizes.TryParse(text, out ulong size));
        Assert.Equal(expected, size);
    }

    [Theory]
    [InlineData("250ms", 0.25)]
    [InlineData("30s", 30)]
    [InlineData("10m", 600)]
    [InlineData("2h", 7200)]
    [InlineData("366d", 31622400)]
    public void DurationsHaveUnits(string text, double seconds)
    {
        Assert.True(Durations.TryParse(text, null, out System.TimeSpan duration));
        Assert.Equal(seconds, duration.TotalSeconds);
    }

    [Fact]
    public void DurationsMayHaveAUnitByDefault()
    {
        Assert.True(Durations.TryParse("1500", "ms", out System.TimeSpan duration));
        Assert.Equal(1.5, duration.TotalSeconds);
    }

    [Theory]
    [InlineData("")]
    [InlineData("10")]
    [InlineData("0s")]
    [InlineData("-1s")]
    [InlineData("s")]
    [InlineData("1.5s")]
    [InlineData("367d")]
    [InlineData("99999999999999999999s")]
    public void WrongDurationsAreRefused(string text) => Assert.False(Durations.TryParse(text, null, out _));

    [Theory]
    [InlineData("")]
    [InlineData("K")]
    [InlineData("-1")]
    [InlineData("1T")]
    [InlineData("99999999999999999999")]
    [InlineData("18446744073709551615G")]
    public void WrongSizesAreRefused(string text) => Assert.False(Sizes.TryParse(text, out _));

    private static (int ExitCode, string Output) Run(params string[] arguments)
    {
        using StringWriter output = new();
        using StringWriter error = new();
        int exitCode = CommandLine.Run(arguments, new Terminal(output, error));
        return (exitCode, output.ToString());
    }
}
