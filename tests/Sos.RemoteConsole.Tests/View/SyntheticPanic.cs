using System;
using System.Runtime.InteropServices;
using System.Text;
using Sos.Sdk.Control;

namespace Sos.RemoteConsole.Tests.View;

/// <summary>The record of a panic, in the memory of a Linux that a test makes up, as the driver writes it.</summary>
internal sealed class SyntheticPanic
{
    private readonly SyntheticLinux _linux;
    private readonly ulong _address;

    public SyntheticPanic(SyntheticLinux linux, uint cpus)
    {
        _linux = linux;
        _address = linux.Allocate(LinuxPanicLayout.HeaderSize + (cpus * CpuRegistersLayout.Size), 4096);
        linux.At(_address, (int)(LinuxPanicLayout.HeaderSize + (cpus * CpuRegistersLayout.Size))).Clear();
        linux.Write(_address, new LinuxPanicLayout { Magic = LinuxPanicLayout.MagicValue, CpuCount = cpus, Cpu = -1 });
    }

    /// <summary>Where it is.</summary>
    public ulong Physical => SyntheticLinux.Physical(_address);

    /// <summary>A CPU panics.</summary>
    public void Panic(int cpu, ulong tsc, string words)
    {
        _linux.Write(_address + 16, tsc);
        _linux.Write(_address + 12, cpu);
        _linux.Write(_address + LinuxPanicLayout.WordsOffset, (ReadOnlySpan<byte>)Encoding.ASCII.GetBytes(words));
    }

    /// <summary>A CPU stores its registers.</summary>
    public void Store(uint cpu, CpuRegistersLayout registers)
        => _linux.Write(
            _address + LinuxPanicLayout.HeaderSize + (cpu * CpuRegistersLayout.Size),
            MemoryMarshal.AsBytes(new ReadOnlySpan<CpuRegistersLayout>(in registers)));

    /// <summary>Overwrites the record's first word.</summary>
    public void Forge(ulong magic) => _linux.Write(_address, magic);
}
