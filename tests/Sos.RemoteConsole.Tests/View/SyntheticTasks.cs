using System;
using System.Collections.Generic;
using Sos.RemoteConsole.View;

namespace Sos.RemoteConsole.Tests.View;

/// <summary>A list of tasks, with members at places of the test's own.</summary>
internal sealed class SyntheticTasks
{
    public const uint Sleeps = 1;
    public const uint WaitsForDisk = 2;
    public const uint Idles = 0x402;
    public const uint KernelThread = 0x20_0000;
    private const ulong TaskSize = 0x100;
    private const ulong Node = 0x40;

    private readonly SyntheticLinux _linux;
    private readonly Stack<ulong> _free = new();

    public SyntheticTasks(SyntheticLinux linux)
    {
        _linux = linux;
        (LinuxField Field, long Value)[] layout =
        [
            (LinuxField.TaskTasks, (long)Node), (LinuxField.TaskPid, 0x10), (LinuxField.TaskTgid, 0x14), (LinuxField.TaskParent, 0x18),
            (LinuxField.TaskName, 0x20), (LinuxField.TaskState, 0x30), (LinuxField.TaskExitState, 0x34), (LinuxField.TaskFlags, 0x38),
            (LinuxField.TaskOnCpu, 0x3c), (LinuxField.TaskCpu, 0x50), (LinuxField.TaskUserTime, 0x58), (LinuxField.TaskSystemTime, 0x60),
            (LinuxField.TaskSignal, 0x68), (LinuxField.SignalThreads, 8), (LinuxField.TaskThreadNode, 0x80), (LinuxField.SignalThreadHead, 0x10),
        ];
        foreach ((LinuxField field, long value) in layout)
        {
            linux.Values[field] = value;
        }

        First = SyntheticLinux.Image(0x4000);
        linux.Values[LinuxField.InitTask] = unchecked((long)First);
        Write(First, 0, "swapper/0", 0, 0, First);
        linux.Write(First + Node, First + Node);
        linux.Write(First + Node + 8, First + Node);
    }

    /// <summary>init_task.</summary>
    public ulong First { get; }

    public static ulong NodeOf(ulong task) => task + Node;

    public ulong Add(int pid, string name, uint state = Sleeps, uint flags = 0, ulong parent = 0)
    {
        ulong task = _free.Count > 0 ? _free.Pop() : _linux.Allocate(TaskSize);
        Write(task, pid, name, state, flags, parent == 0 ? First : parent);
        ulong last = BitConverter.ToUInt64(_linux.At(First + Node + 8, 8));
        // list_add_tail_rcu(): the new one points both ways before it can be found.
        _linux.Write(task + Node, First + Node);
        _linux.Write(task + Node + 8, last);
        _linux.Write(last, task + Node);
        _linux.Write(First + Node + 8, task + Node);
        return task;
    }

    /// <summary>The node of a task in its process's list of threads.</summary>
    public static ulong ThreadNodeOf(ulong task) => task + 0x80;

    /// <summary>Adds a thread to a process.</summary>
    public ulong AddThread(ulong process, int pid, string name, uint state = Sleeps)
    {
        ulong signal = BitConverter.ToUInt64(_linux.At(process + 0x68, 8));
        if (signal == 0)
        {
            signal = _linux.Allocate(0x40);
            _linux.Write(process + 0x68, signal);
            Link(signal + 0x10, signal + 0x10, signal + 0x10);
            Append(signal + 0x10, ThreadNodeOf(process));
        }

        ulong task = _linux.Allocate(TaskSize);
        Write(task, pid, name, state, 0, First);
        _linux.Write(task + 0x14, BitConverter.ToInt32(_linux.At(process + 0x10, 4)));
        _linux.Write(task + 0x68, signal);
        Append(signal + 0x10, ThreadNodeOf(task));
        return task;
    }

    private void Append(ulong head, ulong node)
    {
        ulong last = BitConverter.ToUInt64(_linux.At(head + 8, 8));
        Link(node, head, last);
        _linux.Write(last, node);
        _linux.Write(head + 8, node);
    }

    private void Link(ulong node, ulong next, ulong previous)
    {
        _linux.Write(node, next);
        _linux.Write(node + 8, previous);
    }

    /// <summary>Takes a task out, and lets its memory be another's.</summary>
    public void Remove(ulong task)
    {
        ulong next = BitConverter.ToUInt64(_linux.At(task + Node, 8));
        ulong previous = BitConverter.ToUInt64(_linux.At(task + Node + 8, 8));
        _linux.Write(next + 8, previous);
        _linux.Write(previous, next);
        _linux.At(task, (int)TaskSize).Fill(0x6b); // as a debugging kernel does
        _free.Push(task);
    }

    private void Write(ulong task, int pid, string name, uint state, uint flags, ulong parent)
    {
        _linux.At(task, (int)TaskSize).Clear();
        _linux.Write(task + 0x10, pid);
        _linux.Write(task + 0x14, pid);
        _linux.Write(task + 0x18, parent);
        _linux.Write(task + 0x20, name);
        _linux.Write(task + 0x30, state);
        _linux.Write(task + 0x38, flags);
        _linux.Write(task + 0x58, 2_500_000_000UL);
        _linux.Write(task + 0x60, 1_500_000_000UL);
    }
}
