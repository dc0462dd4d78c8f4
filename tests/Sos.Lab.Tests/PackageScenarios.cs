using System;
using System.IO;
using System.Threading.Tasks;
using Xunit;

namespace Sos.Lab.Tests;

/// <summary>The packages sos-dkms, built by dkms in a Debian of its own, and the module that this gives in the machine; and sos.</summary>
[Collection("6.1")]
public sealed class PackageScenarios(Linux61 lab) : Scenario(lab)
{
    private static readonly TimeSpan PackageLimit = TimeSpan.FromMinutes(9);

    /// <summary>eng/dkms-test.sh checks also that removing and purging the package leave nothing behind.</summary>
    [Fact]
    public async Task PackageBuildsInstallsLoadsAndGoesWithoutTrace()
    {
        string script = Path.Combine(LabPaths.Repository, "eng", "dkms-test.sh");
        CommandResult result = (await HostProcess.RunAsync([script, "6.1"], PackageLimit)).EnsureSuccess();
        Assert.EndsWith("dkms-test: well", result.Text, StringComparison.Ordinal);

        byte[] module = await File.ReadAllBytesAsync(Path.Combine(LabPaths.Artifacts, "dkms", "6.1", "sos.ko"));
        await Machine.WriteFileAsync("/tmp/sos.ko", module);
        await Machine.CheckAsync("rmmod sos && insmod /tmp/sos.ko && rm /tmp/sos.ko");
        await Machine.CheckAsync("sosctl core reserve 3 && sosctl core release 3");
        await Machine.CheckAsync("rmmod sos && modprobe sos");
    }

    /// <summary>eng/deb-test.sh: installed without .NET, upgraded, removed, purged, and nothing to complain of for lintian.</summary>
    [Fact]
    public async Task TheToolsPackageIsCleanAndGoesWithoutTrace()
    {
        string script = Path.Combine(LabPaths.Repository, "eng", "deb-test.sh");
        CommandResult result = (await HostProcess.RunAsync([script], PackageLimit)).EnsureSuccess();
        Assert.EndsWith("deb-test: well", result.Text, StringComparison.Ordinal);
    }
}
