using System.Collections.Generic;
using System.Linq;
using Sos.Cores.Network;

namespace Sos.Cores.Carrying;

/// <summary>
/// The actions of traffic control by which filters, of whatever device, send frames to a device or copy them there (tc-mirred(8)). Each holds the device
/// itself: when that ends, the action stays and leads nowhere.
/// </summary>
internal static class Redirections
{
    private const ushort GetAction = 50; // RTM_GETACTION
    private const int FixedSize = 4; // struct tcamsg
    private const ushort Table = 1; // TCA_ACT_TAB
    private const ushort FirstInTable = 1;
    private const ushort ActionKind = 1; // TCA_ACT_KIND
    private const ushort ActionOptions = 2; // TCA_ACT_OPTIONS
    private const ushort Parameters = 2; // TCA_MIRRED_PARMS
    private const int IndexOffset = 24; // offsetof(struct tc_mirred, ifindex)

    /// <summary>Counts those that lead to a device.</summary>
    /// <param name="device">The device.</param>
    public static int CountTo(CarriedDevice device)
    {
        RouteMessage question = RouteMessage.Of(GetAction, RouteSocket.Dump, new byte[FixedSize])
            .Add(Table, table => table.Add(FirstInTable, action => action.Add(ActionKind, "mirred")));
        IEnumerable<byte[]> tables = device.List(question).Where(body => body.Length > FixedSize);
        return tables.SelectMany(body => RouteAttribute.Parse(RouteSocket.Find(System.MemoryExtensions.AsSpan(body, FixedSize), Table)))
            .Count(action => IndexIn(action.Value) == device.Link.Index);
    }

    private static uint IndexIn(byte[] action)
    {
        System.ReadOnlySpan<byte> parameters = RouteSocket.Find(RouteSocket.Find(action, ActionOptions), Parameters);
        return parameters.Length >= IndexOffset + sizeof(uint)
            ? System.Buffers.Binary.BinaryPrimitives.ReadUInt32LittleEndian(parameters[IndexOffset..])
            : 0;
    }
}
