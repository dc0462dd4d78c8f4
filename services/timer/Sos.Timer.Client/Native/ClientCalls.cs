using System.Runtime.InteropServices;

namespace Sos.Timer.Client.Native;

/// <summary>The system calls of a timer client that .NET has no API for.</summary>
internal static unsafe partial class ClientCalls
{
    public const int ProtectReadWrite = 3; // PROT_READ | PROT_WRITE
    public const int MapShared = 1; // MAP_SHARED
    public const int EventCloseOnExec = 0x80000; // EFD_CLOEXEC
    public const short PollIn = 1; // POLLIN
    public const int SocketLevel = 1; // SOL_SOCKET
    public const int Rights = 1; // SCM_RIGHTS
    public const int ReceiveCloseOnExec = 0x4000_0000; // MSG_CMSG_CLOEXEC
    public const int NoSignal = 0x4000; // MSG_NOSIGNAL

    public static readonly void* MapFailed = (void*)-1;

    [LibraryImport("libc", EntryPoint = "mmap", SetLastError = true)]
    public static partial void* Mmap(void* address, nuint length, int protection, int flags, int descriptor, nint offset);

    [LibraryImport("libc", EntryPoint = "munmap", SetLastError = true)]
    public static partial int Munmap(void* address, nuint length);

    [LibraryImport("libc", EntryPoint = "eventfd", SetLastError = true)]
    public static partial int EventFd(uint initial, int flags);

    [LibraryImport("libc", EntryPoint = "poll", SetLastError = true)]
    public static partial int Poll(PollDescriptor* descriptors, nuint count, int timeoutMs);

    [LibraryImport("libc", EntryPoint = "read", SetLastError = true)]
    public static partial nint Read(int descriptor, void* buffer, nuint count);

    [LibraryImport("libc", EntryPoint = "write", SetLastError = true)]
    public static partial nint Write(int descriptor, void* buffer, nuint count);

    [LibraryImport("libc", EntryPoint = "sendmsg", SetLastError = true)]
    public static partial nint SendMessage(int socket, MessageHeader* message, int flags);

    [LibraryImport("libc", EntryPoint = "recvmsg", SetLastError = true)]
    public static partial nint ReceiveMessage(int socket, MessageHeader* message, int flags);

    /// <summary>struct pollfd.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct PollDescriptor
    {
        public int Descriptor;
        public short Events;
        public short Returned;
    }

    /// <summary>struct iovec.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct Buffer
    {
        public void* Start;
        public nuint Length;
    }

    /// <summary>struct msghdr of glibc on a 64-bit machine.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct MessageHeader
    {
        public void* Name;
        public uint NameLength;
        public Buffer* Buffers;
        public nuint BufferCount;
        public void* Control;
        public nuint ControlLength;
        public int Flags;
    }

    /// <summary>struct cmsghdr with room for two descriptors.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct RightsMessage
    {
        public const int HeaderSize = 16;

        public nuint Length;
        public int Level;
        public int Type;
        public int First;
        public int Second;
    }
}
