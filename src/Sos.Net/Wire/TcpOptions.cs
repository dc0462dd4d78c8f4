using System;
using System.Buffers.Binary;
using System.Runtime.CompilerServices;

namespace Sos.Net.Wire;

/// <summary>The options of a TCP segment that the endpoint knows (RFC 9293, 3.2; RFC 7323; RFC 2018). Others are passed over.</summary>
public struct TcpOptions
{
    /// <summary>Bytes of a segment's options at most: the data offset counts 15 words.</summary>
    public const int SizeMax = 40;

    /// <summary>Blocks of a selective acknowledgment at most: RFC 2018, 3.</summary>
    public const int SackBlocksMax = 4;

    /// <summary>The largest shift of a window: RFC 7323, 2.3.</summary>
    public const byte WindowShiftMax = 14;

    private const byte EndKind = 0;
    private const byte PaddingKind = 1;
    private const byte SegmentSizeKind = 2;
    private const byte WindowScaleKind = 3;
    private const byte SackPermittedKind = 4;
    private const byte SackKind = 5;
    private const byte TimestampKind = 8;

    private Blocks _blocks;

    /// <summary>The largest segment that the sender takes; 0 if it does not say.</summary>
    public ushort SegmentSizeMax;

    /// <summary>Whether the sender scales windows.</summary>
    public bool HasWindowScale;

    /// <summary>The shift of the sender's windows, at most <see cref="WindowShiftMax"/>.</summary>
    public byte WindowShift;

    /// <summary>Whether the sender takes selective acknowledgments.</summary>
    public bool SackPermitted;

    /// <summary>Whether there are time stamps.</summary>
    public bool HasTimestamp;

    /// <summary>The sender's clock.</summary>
    public uint Timestamp;

    /// <summary>The receiver's clock as the sender last saw it.</summary>
    public uint TimestampEcho;

    /// <summary>Blocks of the selective acknowledgment.</summary>
    public int SackCount;

    /// <summary>A block of the selective acknowledgment.</summary>
    /// <param name="index">0 to <see cref="SackCount"/> - 1.</param>
    public readonly SequenceRange SackBlock(int index) => _blocks[index];

    /// <summary>Adds a block to the selective acknowledgment; beyond <see cref="SackBlocksMax"/> it is left out.</summary>
    public void AddSackBlock(SequenceRange block)
    {
        if (SackCount < SackBlocksMax)
        {
            _blocks[SackCount++] = block;
        }
    }

    /// <summary>Reads options.</summary>
    /// <param name="bytes">The header's bytes behind its first 20.</param>
    /// <param name="options">The options.</param>
    /// <returns>False when one's length is below 2, beyond the header, or not what its kind has.</returns>
    public static bool TryParse(ReadOnlySpan<byte> bytes, out TcpOptions options)
    {
        options = default;
        while (!bytes.IsEmpty && bytes[0] != EndKind)
        {
            if (bytes[0] == PaddingKind)
            {
                bytes = bytes[1..];
                continue;
            }

            if (bytes.Length < 2 || bytes[1] < 2 || bytes[1] > bytes.Length || !options.TryTake(bytes[0], bytes[2..bytes[1]]))
            {
                return false;
            }

            bytes = bytes[bytes[1]..];
        }

        return true;
    }

    /// <summary>Writes the options, padded to whole words.</summary>
    /// <param name="bytes">At least <see cref="SizeMax"/> bytes.</param>
    /// <returns>Bytes written.</returns>
    public readonly int Write(Span<byte> bytes)
    {
        int length = 0;
        if (SegmentSizeMax != 0)
        {
            length = WriteHead(bytes, length, SegmentSizeKind, 4);
            BinaryPrimitives.WriteUInt16BigEndian(bytes[(length - 2)..], SegmentSizeMax);
        }

        if (SackPermitted)
        {
            length = WriteHead(bytes, length, SackPermittedKind, 2);
        }

        if (HasWindowScale)
        {
            length = WriteHead(bytes, length, WindowScaleKind, 3);
            bytes[length - 1] = WindowShift;
        }

        if (HasTimestamp)
        {
            length = WriteHead(bytes, length, TimestampKind, 10);
            BinaryPrimitives.WriteUInt32BigEndian(bytes[(length - 8)..], Timestamp);
            BinaryPrimitives.WriteUInt32BigEndian(bytes[(length - 4)..], TimestampEcho);
        }

        int blocks = Math.Min(SackCount, (SizeMax - length - 2) / 8);
        if (blocks > 0)
        {
            length = WriteHead(bytes, length, SackKind, 2 + (8 * blocks)) - (8 * blocks);
            for (int i = 0; i < blocks; i++, length += 8)
            {
                BinaryPrimitives.WriteUInt32BigEndian(bytes[length..], _blocks[i].Start);
                BinaryPrimitives.WriteUInt32BigEndian(bytes[(length + 4)..], _blocks[i].End);
            }
        }

        while ((length & 3) != 0)
        {
            bytes[length++] = PaddingKind;
        }

        return length;
    }

    /// <summary>Writes kind and length of an option.</summary>
    /// <returns>The end of the option.</returns>
    private static int WriteHead(Span<byte> bytes, int start, byte kind, int length)
    {
        bytes[start] = kind;
        bytes[start + 1] = (byte)length;
        return start + length;
    }

    private bool TryTake(byte kind, ReadOnlySpan<byte> value)
    {
        switch (kind)
        {
            case SegmentSizeKind:
                SegmentSizeMax = value.Length == 2 ? BinaryPrimitives.ReadUInt16BigEndian(value) : default;
                return value.Length == 2;
            case WindowScaleKind when value.Length == 1:
                HasWindowScale = true;
                WindowShift = Math.Min(value[0], WindowShiftMax);
                return true;
            case SackPermittedKind when value.IsEmpty:
                SackPermitted = true;
                return true;
            case TimestampKind when value.Length == 8:
                HasTimestamp = true;
                Timestamp = BinaryPrimitives.ReadUInt32BigEndian(value);
                TimestampEcho = BinaryPrimitives.ReadUInt32BigEndian(value[4..]);
                return true;
            case SackKind when value.Length is > 0 and <= 8 * SackBlocksMax && value.Length % 8 == 0:
                SackCount = 0;
                for (; !value.IsEmpty; value = value[8..])
                {
                    AddSackBlock(new SequenceRange(BinaryPrimitives.ReadUInt32BigEndian(value), BinaryPrimitives.ReadUInt32BigEndian(value[4..])));
                }

                return true;
            default:
                return kind is not (WindowScaleKind or SackPermittedKind or TimestampKind or SackKind);
        }
    }

    [InlineArray(SackBlocksMax)]
    private struct Blocks
    {
        private SequenceRange _first;
    }
}
