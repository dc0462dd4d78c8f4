using System.Runtime.InteropServices;

namespace Sos.Linux;

/// <summary>The system calls for sockets, network devices, namespaces and BPF programs.</summary>
public static unsafe partial class NetworkCalls
{
    public const int FamilyInet = 2; // AF_INET
    public const int FamilyNetlink = 16; // AF_NETLINK
    public const int FamilyXdp = 44; // AF_XDP
    public const int TypeDatagram = 2; // SOCK_DGRAM
    public const int TypeRaw = 3; // SOCK_RAW
    public const int CloseOnExec = 0x80000; // SOCK_CLOEXEC

    public const int NewNetwork = 0x40000000; // CLONE_NEWNET

    public const int LevelSocket = 1; // SOL_SOCKET
    public const int ReceiveBufferForce = 33; // SO_RCVBUFFORCE
    public const int Mark = 36; // SO_MARK
    public const int BusyPoll = 46; // SO_BUSY_POLL
    public const int PreferBusyPoll = 69; // SO_PREFER_BUSY_POLL
    public const int BusyPollBudget = 70; // SO_BUSY_POLL_BUDGET

    public const int LevelNetlink = 270; // SOL_NETLINK
    public const int AddMembership = 1; // NETLINK_ADD_MEMBERSHIP
    public const int DoNotWait = 0x40; // MSG_DONTWAIT

    public const nuint TunSetInterface = 0x400454ca; // TUNSETIFF
    public const nuint EthtoolRequest = 0x8946; // SIOCETHTOOL
    public const nuint GetInterfaceName = 0x8910; // SIOCGIFNAME
    public const nuint GetInterfaceFlags = 0x8913; // SIOCGIFFLAGS
    public const int ReceiveCloseOnExec = 0x4000_0000; // MSG_CMSG_CLOEXEC
    public const int Rights = 1; // SCM_RIGHTS
    public const short TapWithoutInformation = 0x1002; // IFF_TAP | IFF_NO_PI

    [LibraryImport("libc", EntryPoint = "socket", SetLastError = true)]
    public static partial int Socket(int family, int type, int protocol);

    [LibraryImport("libc", EntryPoint = "bind", SetLastError = true)]
    public static partial int Bind(int socket, void* address, uint size);

    [LibraryImport("libc", EntryPoint = "getsockname", SetLastError = true)]
    public static partial int GetName(int socket, void* address, uint* size);

    [LibraryImport("libc", EntryPoint = "unshare", SetLastError = true)]
    public static partial int Unshare(int kinds);

    [LibraryImport("libc", EntryPoint = "setsockopt", SetLastError = true)]
    public static partial int SetOption(int socket, int level, int option, void* value, uint size);

    [LibraryImport("libc", EntryPoint = "getsockopt", SetLastError = true)]
    public static partial int GetOption(int socket, int level, int option, void* value, uint* size);

    [LibraryImport("libc", EntryPoint = "send", SetLastError = true)]
    public static partial nint Send(int socket, void* data, nuint size, int flags);

    [LibraryImport("libc", EntryPoint = "recv", SetLastError = true)]
    public static partial nint Receive(int socket, void* data, nuint size, int flags);

    [LibraryImport("libc", EntryPoint = "sendto", SetLastError = true)]
    public static partial nint SendTo(int socket, void* buffer, nuint length, int flags, void* address, uint size);

    [LibraryImport("libc", EntryPoint = "recvfrom", SetLastError = true)]
    public static partial nint ReceiveFrom(int socket, void* buffer, nuint length, int flags, void* address, uint* size);

    [LibraryImport("libc", EntryPoint = "recvmsg", SetLastError = true)]
    public static partial nint ReceiveMessage(int socket, MessageHeader* message, int flags);

    [LibraryImport("libc", EntryPoint = "setns", SetLastError = true)]
    public static partial int SetNamespace(int descriptor, int kind);

    [LibraryImport("libc", EntryPoint = "if_nametoindex", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial uint InterfaceIndex(string name);

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static partial nint Bpf(nint number, nint command, void* attributes, nint size);

    /// <summary>bpf(2).</summary>
    /// <returns>A descriptor or 0; negative on failure.</returns>
    public static int Bpf(int command, void* attributes, int size)
    {
        const int bpf = 321; // SYS_bpf on x86-64
        return (int)Bpf(bpf, command, attributes, size);
    }

    /// <summary>struct msghdr of glibc on a 64-bit machine.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct MessageHeader
    {
        public void* Name;
        public uint NameLength;
        public Libc.Part* Vectors;
        public nuint VectorCount;
        public void* Control;
        public nuint ControlLength;
        public int Flags;
    }

    /// <summary>struct ifreq, the name and the flags.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct InterfaceRequest
    {
        public fixed byte Name[16];
        public short Flags;
        public fixed byte Rest[22];
    }
}
