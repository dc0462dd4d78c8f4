using System;
using System.IO;
using Sos.Cores.Devices;
using Xunit;

namespace Sos.Cores.Tests.Devices;

/// <summary>The reasons that keep a card from being confined, in words, from a sysfs of files.</summary>
public sealed class PciConfinementTests : IDisposable
{
    private const string Card = "0000:01:00.0";
    private const string Neighbour = "0000:01:00.1";
    private readonly DirectoryInfo _root = Directory.CreateTempSubdirectory("sos-pci-");

    private string Interrupts => Path.Combine(_root.FullName, "interrupts");

    public PciConfinementTests()
    {
        Function(Card, "0x020000");
        File.WriteAllText(Interrupts, " 24:  0  0  IR-PCI-MSIX-0000:01:00.0    0-edge      virtio0\n");
    }

    public void Dispose() => _root.Delete(recursive: true);

    [Fact]
    public void WithoutAnIommuItSaysSo() => AssertGap("there is no IOMMU");

    [Fact]
    public void AnIommuThatLetsAllPassConfinesNothing()
    {
        Group("identity", Card);
        AssertGap("the IOMMU lets all of its DMA pass");
    }

    [Fact]
    public void WithoutInterruptRemappingItIsConfinedByHalf()
    {
        Group("DMA-FQ", Card);
        File.WriteAllText(Interrupts, " 24:  0  0  PCI-MSIX-0000:01:00.0    0-edge      virtio0\n");
        AssertGap("interrupts are not remapped");
    }

    [Fact]
    public void ANeighbourInTheGroupIsNamed()
    {
        Function(Neighbour, "0x020000");
        Group("DMA", Card, Neighbour);
        AssertGap($"{Neighbour} shares its IOMMU group");
    }

    [Fact]
    public void ABridgeIsNoNeighbour()
    {
        Function(Neighbour, "0x060400");
        Group("DMA", Card, Neighbour);
        AssertGap(null);
    }

    [Fact]
    public void NorIsWhatIsBoundToOurDriver()
    {
        Function(Neighbour, "0x020000", "sos");
        Group("DMA", Card, Neighbour);
        AssertGap(null);
    }

    private void AssertGap(string? expected)
    {
        Assert.True(PciAddress.TryParse(Card, out PciAddress address));
        PciDevice device = PciDevice.Read(address, _root.FullName, Interrupts)!;
        Assert.Equal((expected, expected is null), (device.Gap, device.Confined));
    }

    private void Function(string address, string pciClass, string? driver = null)
    {
        string folder = Path.Combine(_root.FullName, "bus/pci/devices", address);
        Directory.CreateDirectory(folder);
        File.WriteAllText(Path.Combine(folder, "class"), pciClass + "\n");
        if (driver is not null)
        {
            string target = Path.Combine(_root.FullName, "bus/pci/drivers", driver);
            Directory.CreateDirectory(target);
            Directory.CreateSymbolicLink(Path.Combine(folder, "driver"), target);
        }
    }

    private void Group(string type, params string[] members)
    {
        string group = Path.Combine(_root.FullName, "kernel/iommu_groups/7");
        Directory.CreateDirectory(Path.Combine(group, "devices"));
        File.WriteAllText(Path.Combine(group, "type"), type + "\n");
        foreach (string member in members)
        {
            string function = Path.Combine(_root.FullName, "bus/pci/devices", member);
            Directory.CreateSymbolicLink(Path.Combine(group, "devices", member), function);
            Directory.CreateSymbolicLink(Path.Combine(function, "iommu_group"), group);
        }
    }
}
