using System;
using System.IO;
using Sos.Cores.Devices;
using Sos.Cores.Offline;
using Sos.Cores.Plan;
using Sos.Cores.Running;
using Xunit;

namespace Sos.Cores.Tests.Devices;

/// <summary>A card that a service has is never taken from it by another core, in a sysfs of files.</summary>
public sealed class DriverBindingTests : IDisposable
{
    private const string Card = "0000:01:00.0";
    private readonly DirectoryInfo _root = Directory.CreateTempSubdirectory("sos-binding-");
    private readonly PciAddress _address;

    public DriverBindingTests()
    {
        Assert.True(PciAddress.TryParse(Card, out _address));
        Directory.CreateDirectory(Function);
        Bind(DriverBinding.SosDriver);
    }

    private string Sys => Path.Combine(_root.FullName, "sys");

    private string Records => Path.Combine(_root.FullName, "run");

    private string Function => Path.Combine(Sys, "bus/pci/devices", Card);

    private string Unbind => Path.Combine(Sys, "bus/pci/drivers/sos/unbind");

    public void Dispose() => _root.Delete(recursive: true);

    /// <summary>A card was read while Linux had it, and another program has bound it since.</summary>
    [Fact]
    public void TakingLeavesWhatIsBoundAlready()
    {
        PciDevice read = PciDevice.Read(_address, Sys)! with { Driver = "virtio-pci" };
        DriverBinding.Take(read, Sys);
        Assert.Equal("", File.ReadAllText(Unbind));
    }

    [Fact]
    public void GivingBackLeavesWhatAnotherCoreHas()
    {
        CardRecord card = new(Card, null, null, null);
        Record(1, card);
        System.Collections.Generic.List<string> notes = [];
        Assert.True(CardDevice.GiveBack(2, card, notes, Sys, Records));
        Assert.Equal("", File.ReadAllText(Unbind));
        Assert.Contains("core 1", Assert.Single(notes), StringComparison.Ordinal);

        CoreRecord.Delete(1, Records);
        Assert.True(CardDevice.GiveBack(2, card, notes, Sys, Records));
        Assert.Equal(Card, File.ReadAllText(Unbind));
    }

    private void Bind(string driver)
    {
        string target = Path.Combine(Sys, "bus/pci/drivers", driver);
        Directory.CreateDirectory(target);
        File.WriteAllText(Unbind, "");
        Directory.CreateSymbolicLink(Path.Combine(Function, "driver"), target);
    }

    private void Record(int cpu, CardRecord card) => new CoreRecord
    {
        Cpu = cpu,
        Plan = new ServicePlan { Image = "/a.sosimg" },
        Service = "a",
        Version = "1.0.0",
        BuildId = "",
        Started = DateTimeOffset.UnixEpoch,
        Cards = [card],
    }.Write(Records);
}
