using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using Sos.Cores.Devices;
using Sos.Sdk.Control;
using Xunit;

namespace Sos.Cores.Tests.Devices;

public sealed class VirtioPciCapabilitiesTests
{
    [Fact]
    public void ReadsTheStructuresOfAModernDevice()
    {
        VirtioPciCapabilities capabilities = VirtioPciCapabilities.Parse(ModernDevice());
        Assert.Equal(new VirtioStructure(4, 0x0000, 0x1000), capabilities.Common);
        Assert.Equal(new VirtioStructure(4, 0x3000, 0x1000), capabilities.Notify);
        Assert.Equal(new VirtioStructure(4, 0x1000, 0x1000), capabilities.Isr);
        Assert.Equal(new VirtioStructure(4, 0x2000, 0x1000), capabilities.Device);
        Assert.Equal(4u, capabilities.NotifyMultiplier);
        Assert.Equal([4], capabilities.Bars);
    }

    [Fact]
    public void TheLayoutHasTheAddressesOfTheMappedBar()
    {
        VirtioPciLayout layout = VirtioPciCapabilities.Parse(ModernDevice())
            .ToLayout(new Dictionary<int, ulong> { [4] = 0x4000_0000 }, new Dictionary<int, ulong> { [4] = 0x4000 }, 0x1af4, 0x1041, iommu: true);
        Assert.Equal(VirtioPciLayout.MagicValue, layout.Magic);
        Assert.Equal(0x4000_3000ul, layout.NotifyAddress);
        Assert.Equal(0x4000_2000ul, layout.DeviceAddress);
        Assert.Equal(1u, layout.Iommu);
    }

    [Fact]
    public void AStructureBeyondItsBarIsRefused()
    {
        VirtioPciCapabilities capabilities = VirtioPciCapabilities.Parse(ModernDevice());
        SosException e = Assert.Throws<SosException>(() => capabilities.ToLayout(
            new Dictionary<int, ulong> { [4] = 0x4000_0000 }, new Dictionary<int, ulong> { [4] = 0x2fff }, 0x1af4, 0x1041, iommu: false));
        Assert.Contains("BAR 4", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void ADeviceWithoutVirtioCapabilitiesIsRefusedWithAdvice()
    {
        SosException e = Assert.Throws<SosException>(() => VirtioPciCapabilities.Parse(new byte[256]));
        Assert.Contains("disable-legacy=on", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void AConfigurationCutShortSaysThatRootIsNeeded()
        => Assert.Equal(SosError.NotPermitted, Assert.Throws<SosException>(() => VirtioPciCapabilities.Parse(new byte[64])).Error);

    [Fact]
    public void ALoopOfCapabilitiesEnds()
    {
        byte[] config = new byte[256];
        config[0x06] = 0x10;
        config[0x34] = 0x40;
        config[0x40] = 0x09;
        config[0x41] = 0x40;
        Assert.Throws<SosException>(() => VirtioPciCapabilities.Parse(config));
    }

    [Fact]
    public void RandomConfigurationsAreReadOrRefused()
    {
        Random random = new(1);
        byte[] config = new byte[256];
        for (int i = 0; i < 2000; i++)
        {
            random.NextBytes(config);
            config[0x06] |= 0x10;
            try
            {
                Assert.InRange(VirtioPciCapabilities.Parse(config).Common.Bar, 0, 5);
            }
            catch (SosException e)
            {
                Assert.Equal(SosError.Refused, e.Error);
            }
        }
    }

    /// <summary>The capabilities as QEMU's virtio-net-pci shows them: all in BAR 4, one page each.</summary>
    /// <summary>The configuration space of a virtio 1 device, as Linux reads it.</summary>
    internal static byte[] ModernDevice()
    {
        byte[] config = new byte[256];
        config[0x06] = 0x10;
        config[0x34] = 0x84;
        Put(config, 0x84, 0x70, type: 5, bar: 0, offset: 0, length: 0, size: 20);
        Put(config, 0x70, 0x60, type: 2, bar: 4, offset: 0x3000, length: 0x1000, size: 20);
        BinaryPrimitives.WriteUInt32LittleEndian(config.AsSpan(0x80), 4);
        Put(config, 0x60, 0x50, type: 4, bar: 4, offset: 0x2000, length: 0x1000, size: 16);
        Put(config, 0x50, 0x40, type: 3, bar: 4, offset: 0x1000, length: 0x1000, size: 16);
        Put(config, 0x40, 0x00, type: 1, bar: 4, offset: 0x0000, length: 0x1000, size: 16);
        return config;
    }

    private static void Put(byte[] config, int at, byte next, byte type, byte bar, uint offset, uint length, byte size)
    {
        config[at] = 0x09;
        config[at + 1] = next;
        config[at + 2] = size;
        config[at + 3] = type;
        config[at + 4] = bar;
        BinaryPrimitives.WriteUInt32LittleEndian(config.AsSpan(at + 8), offset);
        BinaryPrimitives.WriteUInt32LittleEndian(config.AsSpan(at + 12), length);
    }
}
