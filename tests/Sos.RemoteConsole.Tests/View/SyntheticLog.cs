using System;
using System.Text;
using Sos.RemoteConsole.View;

namespace Sos.RemoteConsole.Tests.View;

/// <summary>A ring of printk's, written as Linux writes it (kernel/printk/printk_ringbuffer.c).</summary>
internal sealed class SyntheticLog
{
    public const int CountBits = 4;
    public const int TextBits = 8;
    private const ulong IdMask = (1UL << 62) - 1;

    // Numbers begin so that they start again from 0 once all descriptors were used, as Linux's do (DESC0_ID).
    private const ulong First = IdMask - (1 << CountBits) + 1;

    private readonly SyntheticLinux _linux;
    private readonly ulong _ring;
    private readonly ulong _descriptors;
    private readonly ulong _infos;
    private readonly ulong _text;
    private ulong _textPosition;
    private int _records;

    public SyntheticLog(SyntheticLinux linux)
    {
        _linux = linux;
        (LinuxField Field, long Value)[] layout =
        [
            (LinuxField.LogCountBits, 0), (LinuxField.LogDescriptors, 8), (LinuxField.LogInfos, 16), (LinuxField.LogHead, 24), (LinuxField.LogTail, 32),
            (LinuxField.LogTextBits, 48), (LinuxField.LogText, 56), (LinuxField.DescriptorSize, 24), (LinuxField.DescriptorState, 0),
            (LinuxField.DescriptorBegin, 8), (LinuxField.DescriptorNext, 16), (LinuxField.InfoSize, 88), (LinuxField.InfoSequence, 0),
            (LinuxField.InfoTime, 8), (LinuxField.InfoTextLength, 16), (LinuxField.InfoLevelBit, 157), (LinuxField.InfoCaller, 20),
        ];
        foreach ((LinuxField field, long value) in layout)
        {
            linux.Values[field] = value;
        }

        linux.Values[LinuxField.LogRing] = unchecked((long)SyntheticLinux.Image(0x100));
        _ring = SyntheticLinux.Image(0x200);
        _descriptors = linux.Allocate(24 << CountBits);
        _infos = linux.Allocate(88 << CountBits);
        _text = linux.Allocate(1 << TextBits);
        linux.Write(SyntheticLinux.Image(0x100), _ring);
        linux.Write(_ring, (uint)CountBits);
        linux.Write(_ring + 8, _descriptors);
        linux.Write(_ring + 16, _infos);
        linux.Write(_ring + 48, (uint)TextBits);
        linux.Write(_ring + 56, _text);
        Head = First - 1;
        SetBounds(First, Head);
        _textPosition = unchecked(0UL - (1 << TextBits));
    }

    /// <summary>Number of the newest record.</summary>
    public ulong Head { get; private set; }

    /// <summary>Where the next block begins.</summary>
    public ulong Position => _textPosition;

    public ulong Text => _text;

    public ulong Ring => _ring;

    public ulong Descriptor(ulong number) => _descriptors + (number % (1 << CountBits) * 24);

    public void SetBounds(ulong tail, ulong head)
    {
        _linux.Write(_ring + 24, head & IdMask);
        _linux.Write(_ring + 32, tail & IdMask);
    }

    /// <summary>Writes a record.</summary>
    /// <param name="text">Its text.</param>
    /// <param name="state">0 reserved, 1 committed, 2 finalized, 3 reusable.</param>
    /// <param name="level">Its level.</param>
    /// <param name="fitsExactly">Whether a block that ends with the ring lies there (6.19 on), and not at the ring's start.</param>
    public ulong Add(string text, ulong state = 2, uint level = 6, bool fitsExactly = false)
    {
        Head = (Head + 1) & IdMask;
        _records++;
        ulong info = _infos + (Head % (1 << CountBits) * 88);
        _linux.Write(info, Head);
        _linux.Write(info + 8, 1_000_000_000UL * (Head & 0xff));
        _linux.Write(info + 16, (ushort)text.Length);
        _linux.Write(info + 19, (byte)((level << 5) | 0x1f));
        _linux.Write(info + 20, 1u);
        (ulong begin, ulong next) = text.Length == 0 ? (3UL, 3UL) : Place(text, fitsExactly);
        _linux.Write(Descriptor(Head) + 8, begin);
        _linux.Write(Descriptor(Head) + 16, next);
        SetState(Head, state);
        ulong tail = _records <= 1 << CountBits ? First : (Head - (1 << CountBits) + 1) & IdMask;
        SetBounds(tail, Head);
        return Head;
    }

    public void SetState(ulong number, ulong state) => _linux.Write(Descriptor(number), (number & IdMask) | (state << 62));

    private (ulong Begin, ulong Next) Place(string text, bool fitsExactly)
    {
        const ulong size = 1 << TextBits;
        ulong bytes = (8 + (ulong)text.Length + 7) & ~7UL;
        ulong begin = _textPosition;
        ulong next = unchecked(begin + bytes);
        bool staysWithin = begin / size == next / size || (fitsExactly && next % size == 0);
        ulong place = staysWithin ? begin % size : 0;
        next = staysWithin ? next : ((next / size) * size) + bytes;
        _linux.Write(_text + place, Head);
        _linux.Write(_text + place + 8, (ReadOnlySpan<byte>)Encoding.ASCII.GetBytes(text));
        _textPosition = next;
        return (begin, next);
    }
}
