using System;
using System.IO;
using Sos.Cores.Operations;
using Sos.Cores.Plan;
using Sos.Cores.Running;
using Xunit;

namespace Sos.Cores.Tests.Operations;

/// <summary>A card that no service has goes back to the driver that Linux chooses, in a sysfs of files; one that a service has stays.</summary>
public sealed class DeviceOperationsTests : IDisposable
{
    private const string Card = "0000:01:00.0";
    private readonly DirectoryInfo _root = Directory.CreateTempSubdirectory("sos-devices-");
    private readonly DeviceOperations _operations;

    public DeviceOperationsTests()
    {
        Directory.CreateDirectory(Function);
        Directory.CreateDirectory(Records);
        Directory.CreateDirectory(Path.Combine(Sys, "bus/pci/drivers/sos"));
        File.WriteAllText(Unbind, "");
        Directory.CreateSymbolicLink(Path.Combine(Function, "driver"), Path.Combine(Sys, "bus/pci/drivers/sos"));
        _operations = new DeviceOperations(new CoreBackEnds([], Records), Sys);
    }

    private string Sys => Path.Combine(_root.FullName, "sys");

    private string Records => Path.Combine(_root.FullName, "run");

    private string Function => Path.Combine(Sys, "bus/pci/devices", Card);

    private string Unbind => Path.Combine(Sys, "bus/pci/drivers/sos/unbind");

    public void Dispose() => _root.Delete(recursive: true);

    [Fact]
    public void ACardGoesBackWhenNoServiceHasIt()
    {
        Record(2, "0000:02:00.0");
        Record(5, Card);
        SosException refused = Assert.Throws<SosException>(() => _operations.Release(Card));
        Assert.Equal(SosError.Refused, refused.Error);
        Assert.Contains("service on core 5: 'sosctl service stop 5'", refused.Message, StringComparison.Ordinal);
        Assert.Equal("", File.ReadAllText(Unbind));

        CoreRecord.Delete(5, Records);
        Assert.Equal(Card, _operations.Release(Card).Address.ToString());
        Assert.Equal((Card, Card), (File.ReadAllText(Unbind), File.ReadAllText(Path.Combine(Sys, "bus/pci/drivers_probe"))));
    }

    [Fact]
    public void ACardThatIsNotThereIsNotFound()
        => Assert.Equal(SosError.NotFound, Assert.Throws<SosException>(() => _operations.Release("0000:03:00.0")).Error);

    private void Record(int cpu, string device) => new CoreRecord
    {
        Cpu = cpu,
        Plan = new ServicePlan { Image = "/a.sosimg" },
        Service = "a",
        Version = "1.0.0",
        BuildId = "",
        Started = DateTimeOffset.UnixEpoch,
        Cards = [new CardRecord(device, null, null, null)],
    }.Write(Records);
}
