using System.Runtime.InteropServices;
using Sos.Cores.Loading;
using Sos.Cores.Native;

namespace Sos.Cores.Isolation.Network;

/// <summary>
/// Puts an XDP program before a network device, and takes it away (rtnetlink(7), IFLA_XDP of linux/if_link.h). It stays there though every process
/// of ours should die, as a BPF link would not: a device that a service had must not be open before it is given back.
/// </summary>
internal static unsafe class XdpAttachment
{
    /// <summary>XDP_FLAGS_SKB_MODE: the network stack runs the program, for each frame that it has made.</summary>
    public const uint GenericMode = 2;

    /// <summary>XDP_FLAGS_DRV_MODE: the device's driver runs it.</summary>
    public const uint NativeMode = 4;

    private const int FamilyNetlink = 16; // AF_NETLINK; its protocol NETLINK_ROUTE is 0
    private const ushort SetLink = 19; // RTM_SETLINK
    private const ushort RequestAndAnswer = 5; // NLM_F_REQUEST | NLM_F_ACK
    private const ushort Nested = 0x8000; // NLA_F_NESTED
    private const ushort AttributeXdp = 43; // IFLA_XDP
    private const ushort AttributeProgram = 1; // IFLA_XDP_FD
    private const ushort AttributeFlags = 3; // IFLA_XDP_FLAGS
    private const int AnswerSize = 512;
    private const int NoProgram = -1;

    /// <summary>Puts a program before a device, in the place of one that is there in the same mode.</summary>
    /// <param name="interfaceIndex">The device.</param>
    /// <param name="program">The program.</param>
    /// <param name="mode">Who runs it.</param>
    /// <returns>0 or an errno.</returns>
    public static int TryPut(uint interfaceIndex, DriverHandle program, uint mode) => Call(interfaceIndex, program.Descriptor, mode);

    /// <summary>Leaves a device without a program of either mode.</summary>
    public static void Remove(uint interfaceIndex)
    {
        _ = Call(interfaceIndex, NoProgram, NativeMode);
        _ = Call(interfaceIndex, NoProgram, GenericMode);
    }

    private static int Call(uint interfaceIndex, int program, uint flags)
    {
        using DriverHandle socket = RunnerProcess.Raise(
            NetworkCalls.Socket(FamilyNetlink, NetworkCalls.TypeRaw | NetworkCalls.CloseOnExec, 0), "making a netlink socket");
        Request request = new()
        {
            Length = (uint)sizeof(Request),
            Type = SetLink,
            Flags = RequestAndAnswer,
            InterfaceIndex = (int)interfaceIndex,
            XdpLength = 20,
            XdpType = AttributeXdp | Nested,
            ProgramLength = 8,
            ProgramType = AttributeProgram,
            Program = program,
            FlagsLength = 8,
            FlagsType = AttributeFlags,
            XdpFlags = flags,
        };
        byte* answer = stackalloc byte[AnswerSize];
        if (NetworkCalls.Send(socket.Descriptor, &request, (nuint)sizeof(Request), 0) < 0 ||
            NetworkCalls.Receive(socket.Descriptor, answer, AnswerSize, 0) < sizeof(Answer))
        {
            return Marshal.GetLastPInvokeError();
        }

        return -((Answer*)answer)->Error;
    }

    /// <summary>struct nlmsghdr, struct ifinfomsg, and the attribute with its two.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct Request
    {
        public uint Length;
        public ushort Type;
        public ushort Flags;
        public uint Sequence;
        public uint Port;
        public byte Family;
        public ushort DeviceType;
        public int InterfaceIndex;
        public uint DeviceFlags;
        public uint DeviceChange;
        public ushort XdpLength;
        public ushort XdpType;
        public ushort ProgramLength;
        public ushort ProgramType;
        public int Program;
        public ushort FlagsLength;
        public ushort FlagsType;
        public uint XdpFlags;
    }

    /// <summary>struct nlmsghdr and the head of struct nlmsgerr.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct Answer
    {
        public uint Length;
        public ushort Type;
        public ushort Flags;
        public uint Sequence;
        public uint Port;
        public int Error;
    }
}
