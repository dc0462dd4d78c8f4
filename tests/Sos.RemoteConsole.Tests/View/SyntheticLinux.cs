using System;
using System.Collections.Generic;
using System.Runtime.InteropServices;
using System.Text;
using Sos.RemoteConsole.Control.Linux;
using Sos.RemoteConsole.View;
using Sos.Sdk.Control;

namespace Sos.RemoteConsole.Tests.View;

/// <summary>
/// The memory of a Linux that a test makes up: "physical" memory, a direct map, an image, page tables. Members lie where the test says, so that what
/// reads it must ask for them.
/// </summary>
internal sealed unsafe class SyntheticLinux : IDisposable
{
    public const ulong PageOffset = 0xffff_8880_0000_0000;
    public const ulong ImageBase = 0xffff_ffff_8000_0000;
    public const ulong ImageStart = ImageBase + 0x100_0000;
    public const ulong ImageSize = 0x10_0000;
    public const ulong PhysBase = unchecked(0x20_0000 - 0x100_0000UL);
    public const ulong RangeStart = 0x10_0000;
    public const ulong RangeSize = 0x40_0000;

    private readonly byte* _memory = (byte*)NativeMemory.AlignedAlloc((nuint)RangeSize, 4096);
    private readonly LinuxRange* _ranges = (LinuxRange*)NativeMemory.AllocZeroed(2, (nuint)sizeof(LinuxRange));
    private readonly List<KernelFunction> _functions = [];
    private byte* _symbols;
    private ulong _free = RangeStart + 0x30_0000;

    public SyntheticLinux()
    {
        new Span<byte>(_memory, (int)RangeSize).Clear();
        _ranges[0] = new LinuxRange { Start = RangeStart, ByteCount = RangeSize };
        Values[LinuxField.PageOffset] = unchecked((long)PageOffset);
        Values[LinuxField.PhysBase] = unchecked((long)PhysBase);
        Values[LinuxField.ImageStart] = unchecked((long)ImageStart);
        Values[LinuxField.ImageEnd] = unchecked((long)(ImageStart + ImageSize));
        Values[LinuxField.PageTable] = unchecked((long)(ImageStart + ImageSize - 0x1000));
        Values[LinuxField.PageTableLevels] = 4;
        Values[LinuxField.EncryptionMask] = 0;
    }

    public Dictionary<LinuxField, long> Values { get; } = [];

    public byte* Window => _memory - RangeStart;

    public LinuxRange* Ranges => _ranges;

    public byte* SymbolsAddress => _symbols;

    public ulong SymbolsSize { get; private set; }

    public void AddFunction(ulong address, string name) => _functions.Add(new KernelFunction(address, name));

    /// <summary>Makes the reader.</summary>
    public LinuxMemory Open()
    {
        byte[] blob = LinuxSymbolsWriter.Write(Values, _functions);
        NativeMemory.Free(_symbols);
        _symbols = (byte*)NativeMemory.Alloc((nuint)blob.Length);
        blob.CopyTo(new Span<byte>(_symbols, blob.Length));
        SymbolsSize = (ulong)blob.Length;
        return LinuxSymbols.TryCreate(_symbols, SymbolsSize, out LinuxSymbols symbols)
            ? new LinuxMemory(Window, _ranges, symbols) : throw new InvalidOperationException("the blob is refused");
    }

    /// <summary>Takes memory, and returns its address in the direct map.</summary>
    public ulong Allocate(ulong size, ulong alignment = 64)
    {
        _free = (_free + alignment - 1) & ~(alignment - 1);
        ulong address = _free;
        _free += size;
        return _free <= RangeStart + RangeSize ? PageOffset + address : throw new InvalidOperationException("the synthetic memory is used up");
    }

    /// <summary>The address of a variable in the image, as many bytes from its start.</summary>
    public static ulong Image(ulong offset) => ImageStart + offset;

    /// <summary>The physical address of one of Linux's, in the direct map or the image.</summary>
    public static ulong Physical(ulong address) => address >= ImageStart ? unchecked(address - ImageBase + PhysBase) : address - PageOffset;

    public void Write<T>(ulong address, T value)
        where T : unmanaged
        => *(T*)(Window + Physical(address)) = value;

    public void WritePhysical(ulong address, ulong value) => *(ulong*)(Window + address) = value;

    public void Write(ulong address, ReadOnlySpan<byte> bytes) => bytes.CopyTo(new Span<byte>(Window + Physical(address), bytes.Length));

    public void Write(ulong address, string text) => Write(address, (ReadOnlySpan<byte>)Encoding.ASCII.GetBytes(text + "\0"));

    public Span<byte> At(ulong address, int count) => new(Window + Physical(address), count);

    public void Dispose()
    {
        NativeMemory.AlignedFree(_memory);
        NativeMemory.Free(_ranges);
        NativeMemory.Free(_symbols);
    }
}
