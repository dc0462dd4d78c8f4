using System;
using Sos.RemoteConsole.View;

namespace Sos.RemoteConsole.Commands.Linux;

/// <summary><c>net</c>: Linux's network: devices.</summary>
internal readonly struct NetCommand : ICommand
{
    private const int NameSize = 16;
    private const uint Up = 1; // IFF_UP

    /// <inheritdoc/>
    public static ReadOnlySpan<byte> Name => "net"u8;

    /// <inheritdoc/>
    public static ReadOnlySpan<byte> Arguments => default;

    /// <inheritdoc/>
    public static ReadOnlySpan<byte> Explanation => "Linux's network devices; netstat has the counters"u8;

    /// <inheritdoc/>
    public static CommandForm Form => CommandForm.Table;

    /// <inheritdoc/>
    public static ReadOnlySpan<byte> Heading => "INDEX  NAME             UP   STATE      MTU"u8;

    /// <inheritdoc/>
    public static CommandProgress Step(ref CommandRun run)
    {
        if (!LinuxView.IsOpen(ref run, LinuxField.Network, LinuxField.NetworkDevices, LinuxField.DeviceList, LinuxField.DeviceName, LinuxField.DeviceFlags))
        {
            return CommandProgress.Done;
        }

        ref LinuxMemory linux = ref run.Context.Linux;
        Span<ulong> kept = run.State.Kept;
        ulong head = linux.Value(LinuxField.Network) + linux.Value(LinuxField.NetworkDevices);
        ulong node = kept[0] == 0 ? head : kept[0];
        if ((node != head && !LinkedList.IsLinked(ref linux, node)) || !LinkedList.TryFollow(ref linux, node, out ulong next)
            || ++kept[1] > LinkedList.EntriesMax)
        {
            return run.Fail("the list of devices changed while it was read, or is torn: try again"u8);
        }

        if (next == head)
        {
            return CommandProgress.Done;
        }

        kept[0] = next;
        Write(ref run, ref linux, next - linux.Value(LinuxField.DeviceList));
        return CommandProgress.More;
    }

    private static void Write(ref CommandRun run, ref LinuxMemory linux, ulong device)
    {
        Span<byte> space = stackalloc byte[NameSize];
        ReadOnlySpan<byte> name = linux.ReadText(device + linux.Value(LinuxField.DeviceName), space);
        _ = linux.TryRead(device, LinuxField.DeviceIndex, out uint index);
        _ = linux.TryRead(device, LinuxField.DeviceFlags, out uint flags);
        _ = linux.TryRead(device, LinuxField.DeviceState, out byte state);
        _ = linux.TryRead(device, LinuxField.DeviceMtu, out uint mtu);
        RowWriter row = run.BeginRow();
        row.Number("index"u8, index, 5);
        row.Text("name"u8, name, NameSize);
        row.Flag("up"u8, (flags & Up) != 0, 3);
        row.Text("state"u8, StateOf(state), 7);
        row.Number("mtu"u8, mtu, 5);
        row.End();
    }

    // RFC 2863's ifOperStatus, as in include/uapi/linux/if.h.
    private static ReadOnlySpan<byte> StateOf(byte state) => state switch
    {
        1 => "absent"u8,
        2 => "down"u8,
        3 => "lower"u8,
        4 => "testing"u8,
        5 => "dormant"u8,
        6 => "up"u8,
        _ => "unknown"u8,
    };
}
