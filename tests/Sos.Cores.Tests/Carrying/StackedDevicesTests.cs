using System;
using System.Collections.Generic;
using System.Linq;
using Sos.Cores.Carrying;
using Xunit;

namespace Sos.Cores.Tests.Carrying;

/// <summary>VLANs are made again by what Linux tells of them. Making one is for machines whose kernel has VLANs: CarryingScenarios.</summary>
public sealed class StackedDevicesTests
{
    private const ushort Id = 1; // IFLA_VLAN_ID
    private const ushort Flags = 2; // IFLA_VLAN_FLAGS
    private const ushort Protocol = 5; // IFLA_VLAN_PROTOCOL

    /// <summary>Linux tells that all flags are set, and refuses a change of those that it does not know; one with no flag on tells none.</summary>
    [Theory]
    [InlineData(0x05u)] // VLAN_FLAG_REORDER_HDR, VLAN_FLAG_LOOSE_BINDING
    [InlineData(0x00u)]
    public void OnlyFlagsThatLinuxKnowsAreSet(uint flags)
    {
        List<RouteAttribute> told = [new RouteAttribute(Protocol, [0x81, 0x00]), new RouteAttribute(Id, [5, 0])];
        if (flags != 0)
        {
            told.Add(new RouteAttribute(Flags, [.. BitConverter.GetBytes(flags), .. BitConverter.GetBytes(uint.MaxValue)]));
        }

        List<RouteAttribute> set = [.. StackedDevices.VlanSettingsOf(RouteAttribute.Join([], told))];

        Assert.Equal([Protocol, Id, Flags], set.Select(setting => setting.Kind));
        Assert.Equal([.. BitConverter.GetBytes(flags), .. BitConverter.GetBytes(0x1fu)], set[2].Value);
    }
}
