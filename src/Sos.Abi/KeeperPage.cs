using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Sos.Abi;

/// <summary>How far a keeper has come.</summary>
internal enum KeeperState : uint
{
    /// <summary>Mapping what it was given.</summary>
    Starting = 0,

    /// <summary>Ended, since it could not; <see cref="KeeperPage.Errno"/> says why.</summary>
    SetupFailed = 1,

    /// <summary>Working.</summary>
    Running = 2,

    /// <summary>Its runner is gone, and so is its work.</summary>
    Ended = 3,
}

/// <summary>
/// The memory that a keeper and sosctl share: first what to keep, then what it did. A keeper is the process on Linux's cpus that makes the
/// system calls which its service cannot: it sends for AF_XDP sockets, gives the frames of host ports to Linux through TAP devices, and
/// watches that the service polls. The runner program compiles this file too.
/// </summary>
/// <remarks>Descriptors are numbers in the keeper, -1 for none.</remarks>
[StructLayout(LayoutKind.Sequential)]
internal struct KeeperPage
{
    /// <summary>Argument that makes the runner program a keeper.</summary>
    public const string Mode = "keeper";

    /// <summary>Network devices of a service at most.</summary>
    public const int PortsMax = 8;

    /// <summary>"SOSKEEP" and the size of this structure, which differs between versions.</summary>
    public static readonly ulong MagicValue = 0x5045454b534f5300UL ^ ((ulong)Unsafe.SizeOf<KeeperPage>() << 48);

    public ulong Magic;

    /// <summary>The runner's pidfd: it becomes readable as that ends.</summary>
    public int Runner;

    /// <summary>The runner's process id, which is also that of the service's thread.</summary>
    public int RunnerProcess;

    /// <summary>The eventfd that the service's notifications arrive at.</summary>
    public int Notifier;

    /// <summary>The runner's page, for the reason of a forced stop.</summary>
    public int RunnerPage;

    /// <summary>The control region, for the service's polls.</summary>
    public int Control;

    /// <summary>The service is ended when it does not poll for this time; 0 for never.</summary>
    public ulong WatchdogNs;

    /// <summary>A socket to ask for the state of network devices with.</summary>
    public int Information;

    /// <summary>The AF_XDP sockets, from the first on; <see cref="KeeperSocket.Socket"/> is -1 behind the last.</summary>
    public SocketList Sockets;

    /// <summary>The TAP devices, from the first on; <see cref="KeeperTap.Tap"/> is -1 behind the last.</summary>
    public TapList Taps;

    /// <summary>Not 0: it never sleeps.</summary>
    public uint BusyPoll;

    /// <summary>A capture to read frames from, for a memory port in the card's place.</summary>
    public int CaptureIn;

    /// <summary>Not 0: its numbers are big-endian.</summary>
    public uint CaptureSwapped;

    /// <summary>The memory of that port.</summary>
    public int CaptureInPort;

    /// <summary>A capture to write frames to, for a memory port in Linux's place.</summary>
    public int CaptureOut;

    /// <summary>The memory of that port.</summary>
    public int CaptureOutPort;

    /// <summary>Bytes of each port.</summary>

    public ulong CapturePortSize;

    /// <summary>Written by the keeper: <see cref="KeeperState"/>.</summary>
    public uint State;

    /// <summary>The errno of the last call that failed for more than a moment.</summary>
    public int Errno;

    /// <summary>System calls that sent or received for the socket.</summary>
    public ulong SocketCalls;

    /// <summary>Times that a notification woke it.</summary>
    public ulong Wakes;

    /// <summary>Frames given to Linux.</summary>
    public ulong ToLinux;

    /// <summary>Frames that Linux did not take.</summary>
    public ulong ToLinuxDropped;

    /// <summary>Frames read from a capture.</summary>
    public ulong Replayed;

    /// <summary>Frames written to a capture.</summary>
    public ulong Captured;

    /// <summary>Frames that were no frames: slots of an impossible length, or that the port had no room for.</summary>
    public ulong Invalid;

    [InlineArray(PortsMax)]
    public struct SocketList
    {
        private KeeperSocket _first;
    }

    [InlineArray(PortsMax)]
    public struct TapList
    {
        private KeeperTap _first;
    }
}

/// <summary>An AF_XDP socket, as its keeper has it.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct KeeperSocket
{
    /// <summary>The socket.</summary>
    public int Socket;

    /// <summary>The memory of its XskShared.</summary>
    public int Shared;

    /// <summary>Bytes of the transmit ring's mapping, and where its indices lie.</summary>
    public ulong TransmitSize;

    public ulong TransmitProducer;
    public ulong TransmitConsumer;

    /// <summary>Index of the network device whose frames it gets, and whose link the service sees.</summary>
    public uint Device;
}

/// <summary>A TAP device through which a host port's frames come to Linux, as its keeper has it.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct KeeperTap
{
    /// <summary>The TAP device.</summary>
    public int Tap;

    /// <summary>The memory of the host port.</summary>
    public int HostPort;

    public ulong HostPortSize;
}
