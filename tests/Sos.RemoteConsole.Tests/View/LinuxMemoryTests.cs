using System;
using System.Text;
using Sos.RemoteConsole.View;
using Xunit;

namespace Sos.RemoteConsole.Tests.View;

/// <summary>The bounded reader: what is not mapped is not touched, and each of Linux's ways to an address is followed.</summary>
public sealed unsafe class LinuxMemoryTests
{
    private const ulong Present = 1;
    private const ulong Large = 0x80;
    private const ulong Vmalloc = 0xffff_c900_0000_0000;

    [Fact]
    public void TheDirectMapEndsWhereMemoryEnds()
    {
        using SyntheticLinux linux = new();
        LinuxMemory memory = linux.Open();
        ulong first = SyntheticLinux.PageOffset + SyntheticLinux.RangeStart;
        ulong last = first + SyntheticLinux.RangeSize - 8;
        linux.Write(first, 0x1122_3344_5566_7788UL);
        linux.Write(last, 42UL);
        Assert.True(memory.TryRead(first, out ulong value) && value == 0x1122_3344_5566_7788UL);
        Assert.True(memory.TryRead(first + 4, out uint half) && half == 0x1122_3344);
        Assert.True(memory.TryRead(last, out value) && value == 42);
        ulong[] wrong = [first - 1, first - 8, last + 1, last + 8, 0, 8, ulong.MaxValue, ulong.MaxValue - 7, SyntheticLinux.PageOffset, 1UL << 63];
        foreach (ulong address in wrong)
        {
            Assert.False(memory.TryRead(address, out value), $"{address:x}");
            Assert.Equal(0ul, value);
        }
    }

    [Theory]
    [InlineData(SyntheticLinux.RangeStart - 1, 1)]
    [InlineData(SyntheticLinux.RangeStart - 1, 2)]
    [InlineData(SyntheticLinux.RangeStart + SyntheticLinux.RangeSize, 1)]
    [InlineData(SyntheticLinux.RangeStart + SyntheticLinux.RangeSize - 1, 2)]
    [InlineData(SyntheticLinux.RangeStart + SyntheticLinux.RangeSize - 4096, 4097)]
    [InlineData(ulong.MaxValue, 1)]
    [InlineData(ulong.MaxValue - 4095, 8192)]
    public void WhatIsNotWholeInARangeIsNotRead(ulong address, int count)
    {
        using SyntheticLinux linux = new();
        LinuxMemory memory = linux.Open();
        Assert.False(memory.TryReadPhysical(address, new byte[count]));
    }

    [Fact]
    public void TheImageIsReadByItsPhysicalAddress()
    {
        using SyntheticLinux linux = new();
        LinuxMemory memory = linux.Open();
        byte[] text = Encoding.ASCII.GetBytes("over the page's end");
        linux.Write(SyntheticLinux.Image(0xff8), (ReadOnlySpan<byte>)text);
        byte[] read = new byte[text.Length];
        Assert.True(memory.TryRead(SyntheticLinux.Image(0xff8), read));
        Assert.Equal(text, read);
        Assert.False(memory.TryRead(SyntheticLinux.ImageStart - 8, out ulong _));
        Assert.False(memory.TryRead(SyntheticLinux.ImageStart + SyntheticLinux.ImageSize, out ulong _));
    }

    [Theory]
    [InlineData(4)]
    [InlineData(5)]
    public void OtherAddressesAreFoundInThePageTables(int levels)
    {
        using SyntheticLinux linux = new();
        linux.Values[LinuxField.PageTableLevels] = levels;
        linux.Values[LinuxField.EncryptionMask] = 1L << 47;
        LinuxMemory memory = linux.Open();
        ulong table = SyntheticLinux.Physical((ulong)linux.Values[LinuxField.PageTable]);
        for (int level = levels; level > 2; level--)
        {
            ulong next = SyntheticLinux.Physical(linux.Allocate(4096, 4096));
            // What is written beside the address is not part of it: accessed, dirty, no-execute, encrypted.
            linux.WritePhysical(table + (Index(Vmalloc, level) * 8), next | Present | 0x63 | (1UL << 63) | (1UL << 47));
            table = next;
        }

        ulong last = SyntheticLinux.Physical(linux.Allocate(4096, 4096));
        linux.WritePhysical(table + (Index(Vmalloc, 2) * 8), last | Present);
        linux.WritePhysical(table + ((Index(Vmalloc, 2) + 1) * 8), 0x20_0000 | Present | Large | (1 << 12));
        ulong page = linux.Allocate(4096, 4096);
        linux.WritePhysical(last + (Index(Vmalloc, 1) * 8), SyntheticLinux.Physical(page) | Present);
        linux.WritePhysical(last + ((Index(Vmalloc, 1) + 1) * 8), 0xffff_f000_0000 | Present);
        linux.WritePhysical(last + ((Index(Vmalloc, 1) + 2) * 8), SyntheticLinux.Physical(page));
        linux.Write(page + 0x123, 77UL);
        linux.WritePhysical(0x20_0000 + 0x1_2340, 78);

        Assert.True(memory.TryRead(Vmalloc + 0x123, out ulong value) && value == 77);
        Assert.True(memory.TryRead(Vmalloc + 0x20_0000 + 0x1_2340, out value) && value == 78); // a page of 2 MiB
        Assert.False(memory.TryRead(Vmalloc + 0x1000, out value)); // an entry that leads out of memory
        Assert.False(memory.TryRead(Vmalloc + 0x2000, out value)); // an entry that is not present
        Assert.False(memory.TryRead(Vmalloc + 0x4000_0000, out value)); // a table that is not there
        Assert.False(memory.TryRead(Vmalloc & long.MaxValue, out value)); // a user's address
    }

    [Fact]
    public void APoisonedPageIsNotTouched()
    {
        using SyntheticLinux linux = new();
        // The array of pages: through the page tables, as Linux has it.
        const ulong pages = 0xffff_ea00_0000_0000;
        ulong[] tables = [SyntheticLinux.Physical((ulong)linux.Values[LinuxField.PageTable]), 0, 0];
        for (int level = 4; level > 2; level--)
        {
            tables[5 - level] = SyntheticLinux.Physical(linux.Allocate(4096, 4096));
            linux.WritePhysical(tables[4 - level] + (Index(pages, level) * 8), tables[5 - level] | Present);
        }

        linux.WritePhysical(tables[2] + (Index(pages, 2) * 8), 0x20_0000 | Present | Large);
        linux.Values[LinuxField.PageArray] = unchecked((long)pages);
        linux.Values[LinuxField.PageStructSize] = 64;
        linux.Values[LinuxField.PageFlags] = 8;
        linux.Values[LinuxField.PagePoisonBit] = 22;
        LinuxMemory memory = linux.Open();
        ulong address = linux.Allocate(8192, 4096);
        linux.Write(address, 5UL);
        linux.Write(address + 4096, 6UL);
        Assert.True(memory.TryRead(address, out ulong value) && value == 5);
        linux.WritePhysical(0x20_0000 + (((SyntheticLinux.Physical(address) >> 12) + 1) * 64) + 8, 1UL << 22);
        Assert.False(memory.TryRead(address + 4096, out value));
        Assert.False(memory.TryRead(address, new byte[4097]));
        Assert.True(memory.TryRead(address, out value));

        // A page that is poisoned later is found out once the reader is refreshed.
        linux.WritePhysical(0x20_0000 + ((SyntheticLinux.Physical(address) >> 12) * 64) + 8, 1UL << 22);
        memory.Refresh();
        Assert.False(memory.TryRead(address, out value));
    }

    [Fact]
    public void ATextEndsAtItsZeroOrWhereMemoryEnds()
    {
        using SyntheticLinux linux = new();
        LinuxMemory memory = linux.Open();
        ulong end = SyntheticLinux.PageOffset + SyntheticLinux.RangeStart + SyntheticLinux.RangeSize;
        linux.Write(end - 6, "hello");
        Assert.Equal("hello"u8.ToArray(), memory.ReadText(end - 6, new byte[64]).ToArray());
        linux.Write(end - 1, (byte)'!');
        Assert.Equal("hello!"u8.ToArray(), memory.ReadText(end - 6, new byte[6]).ToArray());
        Assert.Equal("hello!"u8.ToArray(), memory.ReadText(end - 6, new byte[64]).ToArray());
        Assert.Empty(memory.ReadText(end, new byte[64]).ToArray());
    }

    [Fact]
    public void FunctionsAreFoundByAnyAddressInThem()
    {
        using SyntheticLinux linux = new();
        linux.AddFunction(0x1000, "not among the others");
        linux.AddFunction(LinuxSymbolsHeader.FunctionBase + 0x100, "first");
        linux.AddFunction(LinuxSymbolsHeader.FunctionBase + 0x200, "second");
        linux.AddFunction(0xffff_ffff_ffff_fff0, "last");
        LinuxSymbols symbols = linux.Open().Symbols;
        Assert.Equal(3, symbols.FunctionCount);
        Check(LinuxSymbolsHeader.FunctionBase + 0x100, "first+0");
        Check(LinuxSymbolsHeader.FunctionBase + 0x1ff, "first+ff");
        Check(LinuxSymbolsHeader.FunctionBase + 0x200, "second+0");
        Check(ulong.MaxValue, "last+f");
        Check(LinuxSymbolsHeader.FunctionBase + 0xff, "");
        Check(0x1000, "");

        void Check(ulong address, string wanted)
            => Assert.Equal(wanted, symbols.TryFindFunction(address, out ReadOnlySpan<byte> name, out ulong offset)
                ? $"{Encoding.ASCII.GetString(name)}+{offset:x}" : "");
    }

    [Fact]
    public void ABlobThatContradictsItselfIsRefused()
    {
        using SyntheticLinux linux = new();
        linux.AddFunction(LinuxSymbolsHeader.FunctionBase, "name");
        _ = linux.Open();
        byte* blob = linux.SymbolsAddress;
        ulong size = linux.SymbolsSize;
        byte[] whole = new ReadOnlySpan<byte>(blob, (int)size).ToArray();
        Assert.True(LinuxSymbols.TryCreate(blob, size, out _));
        for (ulong i = 0; i < size; i++)
        {
            Assert.False(LinuxSymbols.TryCreate(blob, i, out _), $"cut to {i}");
        }

        for (int i = 0; i < LinuxSymbolsHeader.Size; i++)
        {
            blob[i] = 0xff;
            if (LinuxSymbols.TryCreate(blob, size, out LinuxSymbols symbols))
            {
                _ = symbols.TryFindFunction(ulong.MaxValue, out _, out _);
            }

            blob[i] = whole[i];
        }
    }

    private static ulong Index(ulong address, int level) => (address >> (12 + (9 * (level - 1)))) & 511;
}
