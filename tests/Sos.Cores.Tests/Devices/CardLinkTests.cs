using System;
using System.IO;
using Sos.Cores.Devices;
using Sos.Cores.Network;
using Xunit;

namespace Sos.Cores.Tests.Devices;

/// <summary>A card's network device is known by its parent, whatever network namespace sysfs was mounted for.</summary>
public sealed class CardLinkTests : IDisposable
{
    private readonly DirectoryInfo _sys = Directory.CreateTempSubdirectory("sos-link-");
    private readonly PciDevice _card;

    public CardLinkTests()
    {
        Assert.True(PciAddress.TryParse("0000:00:03.0", out PciAddress address));
        Directory.CreateDirectory(Path.Combine(_sys.FullName, "bus/pci/devices/0000:00:03.0/virtio2"));
        _card = new PciDevice(address, PciDevice.VirtioVendor, 0x1041, "virtio-pci", null, null, 0, null, null);
    }

    public void Dispose() => _sys.Delete(recursive: true);

    [Theory]
    [InlineData("virtio2")]
    [InlineData("0000:00:03.0")]
    public void SysfsOfAnotherNamespaceShowsNothingAndTheCardHasItsDevice(string parent)
    {
        PciDevice found = CardLink.Complete(_card, [Link("lan0", "virtio1"), Link("eth0", parent)], _sys.FullName);
        Assert.Equal(("eth0", "02:00:00:00:00:0a", 1400), (found.Interface, found.Mac, found.Mtu));
    }

    /// <summary>There the name is a card's; here it is a cable's.</summary>
    [Fact]
    public void ANameOfAnotherNamespaceIsNotBelieved()
    {
        PciDevice shown = _card with { Interface = "eth0", Mac = "02:00:00:00:00:01", Mtu = 1500 };
        PciDevice found = CardLink.Complete(shown, [Link("eth0", null) with { Kind = "veth" }], _sys.FullName);
        Assert.Equal((null, null, 0), (found.Interface, found.Mac, found.Mtu));
    }

    /// <summary>Linux before 5.14 tells no parents.</summary>
    [Fact]
    public void WithoutParentsTheNameCounts()
    {
        PciDevice found = CardLink.Complete(_card with { Interface = "eth0" }, [Link("eth0", null)], _sys.FullName);
        Assert.Equal(("eth0", 1400), (found.Interface, found.Mtu));
    }

    private static NetworkLink Link(string name, string? parent) => new(7, name, 1, 0, 1400, [2, 0, 0, 0, 0, 10], null, 0, 0, 0, 1, parent);
}
