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
    private const ushort ExpectedProgram = 8; // IFLA_XDP_EXPECTED_FD
    private const uint IfNoneIsThere = 1; // XDP_FLAGS_UPDATE_IF_NOEXIST
    private const uint NativeMode = 4; // XDP_FLAGS_DRV_MODE: the device's driver runs the program
    private const uint IfExpectedIsThere = 16; // XDP_FLAGS_REPLACE
    private const uint NoProgram = uint.MaxValue;

    /// <summary>Puts a program before a device where there is none, or in the place of one of the same core, in one step.</summary>
    /// <param name="device">Index of the device.</param>
    /// <param name="program">The program.</param>
    /// <param name="cpu">The core that it is for.</param>
    /// <returns>0 or an errno: EBUSY or EEXIST when somebody else's is there.</returns>
    public static int TryPut(uint device, FileDescriptor program, int cpu)
    {
        if (NetworkLink.Read(device) is not { } link)
        {
            return Errno.NoDevice;
        }

        using FileDescriptor? former = Find(link, cpu);
        return former is null && link.XdpProgram != 0 ? Errno.Busy : Call(device, (uint)program.Descriptor, former);
    }

    /// <summary>Takes a program of a core away from before a device.</summary>
    /// <param name="link">The device.</param>
    /// <param name="cpu">The core.</param>
    /// <exception cref="SosException">Linux refuses.</exception>
    public static void Remove(NetworkLink link, int cpu)
    {
        using FileDescriptor? program = Find(link, cpu);
        int errno = program is null ? 0 : Call(link.Index, NoProgram, program);
        if (errno != 0)
        {
            throw Errno.ToException($"taking the XDP program away from {link.Name}", errno, null);
        }
    }

    /// <summary>Whether the program before a device is a core's.</summary>
    /// <param name="link">The device.</param>
    /// <param name="cpu">The core.</param>
    public static bool IsOurs(NetworkLink link, int cpu)
    {
        using FileDescriptor? program = Find(link, cpu);
        return program is not null;
    }

    private static FileDescriptor? Find(NetworkLink link, int cpu) => link.XdpProgram == 0 ? null : BpfObject.TryFindOurs(link.XdpProgram, cpu);

    /// <summary>Changes the program, if that is there which is expected: nobody can have put another one there meanwhile.</summary>
    private static int Call(uint device, uint program, FileDescriptor? expected)
    {
        using RouteSocket socket = new();
        return socket.TryChange(RouteMessage.Link(SetLink, RouteSocket.Change, device).Add(Xdp, xdp =>
        {
            xdp.Add(Program, program).Add(Flags, NativeMode | (expected is null ? IfNoneIsThere : IfExpectedIsThere));
            if (expected is not null)
            {
                xdp.Add(ExpectedProgram, (uint)expected.Descriptor);
            }
        }));
    }
}
