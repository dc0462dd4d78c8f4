using System.Runtime.InteropServices;

namespace Sos.Router.Control.Netlink;

/// <summary>The system calls for netlink sockets, which .NET has no API for.</summary>
internal static unsafe partial class NetlinkCalls
{
    public const int Family = 16; // AF_NETLINK
    public const int RawCloseOnExec = 3 | 0x80000; // SOCK_RAW | SOCK_CLOEXEC
    public const int LevelSocket = 1; // SOL_SOCKET
    public const int ReceiveBufferForce = 33; // SO_RCVBUFFORCE
    public const int LevelNetlink = 270; // SOL_NETLINK
    public const int AddMembership = 1; // NETLINK_ADD_MEMBERSHIP
    public const int DoNotWait = 0x40; // MSG_DONTWAIT
    public const int WouldBlock = 11; // EAGAIN
    public const int Interrupted = 4; // EINTR
    public const int NoBuffers = 105; // ENOBUFS
    public const short PollIn = 1; // POLLIN

    [LibraryImport("libc", EntryPoint = "socket", SetLastError = true)]
    public static partial int Socket(int family, int type, int protocol);

    [LibraryImport("libc", EntryPoint = "bind", SetLastError = true)]
    public static partial int Bind(int socket, void* address, uint size);

    [LibraryImport("libc", EntryPoint = "setsockopt", SetLastError = true)]
    public static partial int SetOption(int socket, int level, int option, void* value, uint size);

    [LibraryImport("libc", EntryPoint = "send", SetLastError = true)]
    public static partial nint Send(int socket, void* data, nuint size, int flags);

    [LibraryImport("libc", EntryPoint = "recv", SetLastError = true)]
    public static partial nint Receive(int socket, void* data, nuint size, int flags);

    [LibraryImport("libc", EntryPoint = "poll", SetLastError = true)]
    public static partial int Poll(PollEntry* entries, nuint count, int timeoutMs);

    [LibraryImport("libc", EntryPoint = "close", SetLastError = true)]
    public static partial int Close(int descriptor);

    /// <summary>struct pollfd.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct PollEntry
    {
        public int Descriptor;
        public short Events;
        public short Returned;
    }
}
