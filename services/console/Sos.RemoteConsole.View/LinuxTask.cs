using System;

namespace Sos.RemoteConsole.View;

/// <summary>A task of Linux.</summary>
public struct LinuxTask
{
    /// <summary>Bytes of a task's name.</summary>
    public const int NameSize = 16;

    private const uint KernelThread = 0x0020_0000; // PF_KTHREAD, include/linux/sched.h
    private const uint StateIdle = 0x402; // TASK_IDLE: uninterruptible, and not counted in the load

    /// <summary>Where its task_struct is.</summary>
    public ulong Address;

    /// <summary>Its number.</summary>
    public int Pid;

    /// <summary>The number of its process.</summary>
    public int Tgid;

    /// <summary>The number of its parent's process.</summary>
    public int Parent;

    /// <summary>Its state, as <c>ps</c> has it: R, S, D, T, t, X, Z, P, I.</summary>
    public byte State;

    /// <summary>Whether it is a thread of the kernel's.</summary>
    public bool IsKernel;

    /// <summary>Whether a CPU runs it now.</summary>
    public bool IsOnCpu;

    /// <summary>The CPU that runs it, or ran it last.</summary>
    public uint Cpu;

    /// <summary>Threads of its process.</summary>
    public int Threads;

    /// <summary>CPU time of this task, in nanoseconds.</summary>
    public ulong TimeNs;

    /// <summary>Reads a task.</summary>
    /// <param name="memory">Linux's memory.</param>
    /// <param name="address">Where its task_struct is.</param>
    /// <param name="name">Room for its name, <see cref="NameSize"/> bytes.</param>
    /// <param name="nameLength">Bytes of the name.</param>
    /// <param name="task">The task.</param>
    /// <returns>False if it cannot be read.</returns>
    public static bool TryRead(ref LinuxMemory memory, ulong address, Span<byte> name, out int nameLength, out LinuxTask task)
    {
        nameLength = 0;
        task = new LinuxTask { Address = address };
        if (!memory.TryRead(address, LinuxField.TaskPid, out task.Pid) || !memory.TryRead(address, LinuxField.TaskTgid, out task.Tgid)
            || !memory.TryRead(address, LinuxField.TaskState, out uint state) || !memory.TryRead(address, LinuxField.TaskExitState, out uint exit)
            || !memory.TryRead(address, LinuxField.TaskFlags, out uint flags))
        {
            return false;
        }

        task.State = Letter(state, exit);
        task.IsKernel = (flags & KernelThread) != 0;
        nameLength = memory.ReadText(address + memory.Value(LinuxField.TaskName), name[..NameSize]).Length;
        _ = memory.TryRead(address, LinuxField.TaskOnCpu, out int onCpu);
        task.IsOnCpu = onCpu != 0;
        _ = memory.TryRead(address, LinuxField.TaskCpu, out task.Cpu);
        _ = memory.TryRead(address, LinuxField.TaskUserTime, out ulong user);
        _ = memory.TryRead(address, LinuxField.TaskSystemTime, out ulong system);
        task.TimeNs = user + system;
        if (memory.TryRead(address, LinuxField.TaskParent, out ulong parent))
        {
            _ = memory.TryRead(parent, LinuxField.TaskTgid, out task.Parent);
        }

        if (memory.TryRead(address, LinuxField.TaskSignal, out ulong signal) && signal != 0)
        {
            _ = memory.TryRead(signal, LinuxField.SignalThreads, out task.Threads);
        }

        return true;
    }

    /// <summary>The letter of a state: what task_state_index() of include/linux/sched.h makes of it.</summary>
    internal static byte Letter(uint state, uint exitState)
    {
        if ((state & StateIdle) == StateIdle)
        {
            return (byte)'I';
        }

        ReadOnlySpan<byte> letters = "RSDTtXZP"u8;
        uint all = (state | exitState) & 0x7f;
        int index = 0;
        while (all != 0)
        {
            index++;
            all >>= 1;
        }

        return index < letters.Length ? letters[index] : (byte)'?';
    }
}
