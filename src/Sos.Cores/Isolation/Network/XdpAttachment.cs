using Sos.Cores.Native;
using Sos.Cores.Network;

namespace Sos.Cores.Isolation.Network;

/// <summary>
/// Puts an XDP program before a network device, and takes it away (IFLA_XDP of linux/if_link.h). It stays there though every process of ours should die, as
/// a BPF link would not: a device that a service had must not be open before it is given back.
/// </summary>
internal static class XdpAttachment
{
    private const ushort SetLink = 19; // RTM_SETLINK
    private const ushort Xdp = 43; // IFLA_XDP
    private const ushort Program = 1; // IFLA_XDP_FD
    private const ushort Flags = 3; // IFLA_XDP_FLAGS
    private const uint NativeMode = 4; // XDP_FLAGS_DRV_MODE: the device's driver runs the program
    private const uint NoProgram = uint.MaxValue;

    /// <summary>Puts a program before a device, in the place of one that is there.</summary>
    /// <param name="device">Index of the device.</param>
    /// <param name="program">The program.</param>
    /// <returns>0 or an errno.</returns>
    public static int TryPut(uint device, FileDescriptor program) => Call(device, (uint)program.Descriptor);

    /// <summary>Takes a program of ours away from before a device.</summary>
    /// <param name="link">The device.</param>
    /// <exception cref="SosException">Linux refuses.</exception>
    public static void Remove(NetworkLink link)
    {
        if (!IsOurs(link))
        {
            return;
        }

        int errno = Call(link.Index, NoProgram);
        if (errno != 0)
        {
            throw Errno.ToException($"taking the XDP program away from {link.Name}", errno, null);
        }
    }

    /// <summary>Whether the program before a device is ours.</summary>
    public static bool IsOurs(NetworkLink link)
    {
        using FileDescriptor? program = link.XdpProgram == 0 ? null : BpfObject.TryFindOurs(link.XdpProgram);
        return program is not null;
    }

    private static int Call(uint device, uint program)
    {
        using RouteSocket socket = new();
        return socket.TryChange(RouteMessage.Link(SetLink, RouteSocket.Change, device)
            .Add(Xdp, xdp => xdp.Add(Program, program).Add(Flags, NativeMode)));
    }
}
