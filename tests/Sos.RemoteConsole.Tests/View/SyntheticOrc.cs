using System;
using System.Collections.Generic;
using System.Linq;
using Sos.RemoteConsole.View;

namespace Sos.RemoteConsole.Tests.View;

/// <summary>Unwinding tables in the memory of a Linux that a test makes up, in each of the formats that kernels have had.</summary>
internal sealed class SyntheticOrc
{
    private const int EntrySize = 6;
    private const int FrameRegisterBit = 36;
    private const int TypeBit = 40;
    private const int EndBit = 42;
    private const int SignalBit = 43;

    private static readonly OrcBase[] First =
    [
        OrcBase.None, OrcBase.CallersStack, OrcBase.Dx, OrcBase.Di, OrcBase.Frame, OrcBase.Stack, OrcBase.R10, OrcBase.R13, OrcBase.AtFrame, OrcBase.AtStack,
    ];

    private static readonly OrcBase[] Second =
    [
        OrcBase.None, OrcBase.Ax, OrcBase.Dx, OrcBase.Stack, OrcBase.Frame, OrcBase.Di, OrcBase.R10, OrcBase.R13, OrcBase.CallersStack, OrcBase.AtStack,
        OrcBase.AtFrame,
    ];

    private readonly SyntheticLinux _linux;
    private readonly bool _isOld;
    private readonly OrcBase[] _order;
    private readonly SortedDictionary<ulong, ulong> _entries = [];

    /// <summary>Makes an empty table.</summary>
    /// <param name="linux">The Linux.</param>
    /// <param name="isOld">Whether it is of a kernel before 6.3.</param>
    /// <param name="order">The order of registers.</param>
    public SyntheticOrc(SyntheticLinux linux, bool isOld = false, long order = OrcEntry.FirstOrder)
    {
        _linux = linux;
        _isOld = isOld;
        _order = order == OrcEntry.FirstOrder ? First : Second;
        (LinuxField Field, long Value)[] layout =
        [
            (LinuxField.OrcRegisters, order), (LinuxField.OrcEntrySize, EntrySize), (LinuxField.OrcStackOffset, 0), (LinuxField.OrcFrameOffset, 2),
            (LinuxField.OrcStackRegisterBit, 32), (LinuxField.OrcFrameRegisterBit, FrameRegisterBit), (LinuxField.OrcTypeBit, TypeBit),
            (LinuxField.InactiveFrameSize, 56), (LinuxField.InactiveFramePointer, 40), (LinuxField.InactiveReturn, 48),
            (LinuxField.TaskStack, 0x70), (LinuxField.TaskStackPointer, 0x78),
        ];
        foreach ((LinuxField field, long value) in layout)
        {
            linux.Values[field] = value;
        }

        linux.Values[isOld ? LinuxField.OrcEndBit : LinuxField.OrcSignalBit] = isOld ? EndBit : SignalBit;
    }

    /// <summary>How many entries there are.</summary>
    public int Count => _entries.Count;

    /// <summary>Adds an entry that holds from an address on.</summary>
    public void Add(
        ulong address,
        OrcKind kind,
        OrcBase stackBase = OrcBase.Stack,
        int stackOffset = 8,
        OrcBase frameBase = OrcBase.None,
        int frameOffset = 0,
        bool isInterrupted = false)
    {
        int type = kind switch
        {
            OrcKind.Call => 0,
            OrcKind.Registers => 1,
            OrcKind.Interrupt => 2,
            OrcKind.End => _isOld ? 0 : -1,
            _ => _isOld ? 3 : -2,
        };
        ulong bits = (ushort)stackOffset | ((ulong)(ushort)frameOffset << 16) | ((ulong)Array.IndexOf(_order, stackBase) << 32)
            | ((ulong)Array.IndexOf(_order, frameBase) << FrameRegisterBit) | ((ulong)(_isOld ? type : type + 2) << TypeBit);
        bits |= _isOld && kind == OrcKind.End ? 1UL << EndBit : 0;
        bits |= !_isOld && isInterrupted ? 1UL << SignalBit : 0;
        _entries[address] = bits;
    }

    /// <summary>Writes the table to where the image has it.</summary>
    public void Write()
    {
        Write(SyntheticLinux.Image(0x2_0000), SyntheticLinux.Image(0x3_0000));
        _linux.Values[LinuxField.OrcAddresses] = unchecked((long)SyntheticLinux.Image(0x2_0000));
        _linux.Values[LinuxField.OrcAddressesEnd] = unchecked((long)SyntheticLinux.Image(0x2_0000)) + (Count * sizeof(int));
        _linux.Values[LinuxField.OrcEntries] = unchecked((long)SyntheticLinux.Image(0x3_0000));
    }

    /// <summary>Writes the table.</summary>
    /// <param name="addresses">Where the places of code go.</param>
    /// <param name="entries">Where the entries go.</param>
    public void Write(ulong addresses, ulong entries)
    {
        foreach (((ulong address, ulong bits), int index) in _entries.Select((entry, index) => ((entry.Key, entry.Value), index)))
        {
            ulong place = addresses + ((ulong)index * sizeof(int));
            _linux.Write(place, (int)unchecked(address - place));
            _linux.Write(entries + ((ulong)index * EntrySize), (ReadOnlySpan<byte>)BitConverter.GetBytes(bits).AsSpan(0, EntrySize));
        }
    }
}
