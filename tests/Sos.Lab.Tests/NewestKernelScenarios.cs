using System.Linq;
using System.Threading.Tasks;
using Sos.Lab.Matrix;
using Xunit;

namespace Sos.Lab.Tests;

/// <summary>One row of <c>make lab-matrix</c>: the newest kernel that Debian serves.</summary>
public sealed class NewestKernelScenarios
{
    [Fact]
    public async Task DriverAndFirewallWorkOnTheNewestKernel()
    {
        MatrixResult result = await KernelTrial.RunAsync(new MatrixCase("newest"));
        Assert.True(result.Passed, $"{result.Release}: {string.Join('\n', result.Steps.Select(step => $"{step.Name}: {step.Problem ?? "well"}"))}");
    }
}
