using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Sos.Abi;

/// <summary>How far a runner has come.</summary>
internal enum RunnerState : uint
{
    /// <summary>Mapping the regions.</summary>
    Starting = 0,

    /// <summary>Ended, since it could not; <see cref="RunnerPage.SetupStep"/> and <see cref="RunnerPage.SetupErrno"/> say why.</summary>
    SetupFailed = 1,

    /// <summary>All regions are mapped; it waits for <see cref="RunnerPage.Go"/>.</summary>
    Mapped = 2,

    /// <summary>The service runs.</summary>
    Entered = 3,

    /// <summary>The service left by the gate; the exit code is valid.</summary>
    Exited = 4,

    /// <summary>The service faulted or was stopped by force; the fault is valid.</summary>
    Faulted = 5,
}

/// <summary>The step at which a runner could not go on.</summary>
internal enum RunnerStep : uint
{
    /// <summary>Nothing failed.</summary>
    None = 0,

    /// <summary>Checking that the page was written by the same version.</summary>
    ReadPage = 1,

    /// <summary>Mapping region <see cref="RunnerPage.SetupRegion"/> at its address.</summary>
    MapRegion = 2,

    /// <summary>Locking region <see cref="RunnerPage.SetupRegion"/> in memory.</summary>
    LockRegion = 3,

    /// <summary>Binding the thread to its CPU.</summary>
    Pin = 4,

    /// <summary>Making the signal stack and installing the handlers.</summary>
    Signals = 5,

    /// <summary>Setting the scheduling class.</summary>
    Scheduling = 6,

    /// <summary>Giving up rights and system calls.</summary>
    Containment = 7,
}

/// <summary>A region as the runner maps it.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct RunnerRegion
{
    /// <summary>Where the service sees it.</summary>
    public ulong Address;

    /// <summary>Bytes, whole pages.</summary>
    public ulong Size;

    /// <summary>Where in the descriptor it begins.</summary>
    public ulong Offset;

    /// <summary>Its memory's descriptor, inherited.</summary>
    public int Descriptor;

    /// <summary>SOS_PROT_*: 1 read, 2 write, 4 execute.</summary>
    public uint Protection;
}

/// <summary>
/// The memory that a runner and the process that started it share: first what to run, then what became of it. The runner
/// compiles this file too, so that there is one source of the layout.
/// </summary>
[StructLayout(LayoutKind.Sequential)]
internal struct RunnerPage
{
    /// <summary>Descriptor number of this memory in the runner.</summary>
    public const int PageDescriptor = 3;

    /// <summary>SOS_MAX_REGIONS.</summary>
    public const int RegionsMax = 48;

    /// <summary>"SOSRUN2" and the size of this structure, which differs between versions.</summary>
    public static readonly ulong MagicValue = 0x324e5552534f5300UL ^ ((ulong)Unsafe.SizeOf<RunnerPage>() << 48);

    public ulong Magic;
    public ulong Entry;
    public ulong StackTop;
    public ulong Argument;

    /// <summary>Read end of the pipe whose write end the starter holds: its end of file is the starter's death; -1 to outlive it.</summary>
    public int LifeLine;

    /// <summary>The eventfd that <c>SOS_GATE_NOTIFY</c> writes to.</summary>
    public int Notifier;

    /// <summary>Logical id of the CPU to run on, or -1 for any.</summary>
    public int Cpu;

    /// <summary>Not 0: every region is locked in memory before the start.</summary>
    public uint LockMemory;

    /// <summary>Not 0: the process gives up all rights, and all system calls but those that it needs.</summary>
    public uint Contain;

    /// <summary>Set once the process is in the cgroup of its CPU: before that it cannot be bound to it. Looked at with <see cref="Contain"/>.</summary>
    public uint Ready;

    /// <summary>Set once nothing is missing: the service is entered then, and not before.</summary>
    public uint Go;

    /// <summary>The process that started this: as long as <see cref="Go"/> is not set, the runner ends with it. 0 where a life line does that.</summary>
    public int Starter;

    /// <summary>Written by a keeper: why the service is stopped by force, if not on request; a vector of SosFault.</summary>
    public uint ForcedVector;

    /// <summary>SCHED_FIFO priority of the service's thread; 0 for the ordinary class with <see cref="Nice"/>.</summary>
    public int Priority;

    /// <summary>Nice value of the service's thread.</summary>
    public int Nice;

    public uint RegionCount;

    /// <summary>Written by the runner: <see cref="RunnerState"/>.</summary>
    public uint State;

    /// <summary>Linux's id of the thread that runs the service; valid from <see cref="RunnerState.Entered"/>.</summary>
    public int ThreadId;

    public uint SetupStep;
    public int SetupErrno;
    public uint SetupRegion;
    public ulong Notifications;

    /// <summary>How often a service was started here; kept from one to the next.</summary>
    public ulong Starts;

    /// <summary>How often one failed; kept from one to the next.</summary>
    public ulong Faults;

    public long ExitCode;
    public SosFault Fault;
    public RegionList Regions;

    [InlineArray(RegionsMax)]
    public struct RegionList
    {
        private RunnerRegion _first;
    }
}
