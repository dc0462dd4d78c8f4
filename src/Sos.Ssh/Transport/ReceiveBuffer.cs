using System;
using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using Sos.Crypto;
using Sos.Crypto.Ciphers;

namespace Sos.Ssh.Transport;

/// <summary>Bytes that came, and the packets in them, decrypted in place.</summary>
internal struct ReceiveBuffer
{
    /// <summary>The longest packet, its length and tag not counted: what RFC 4253, 6.1, asks for.</summary>
    public const int PacketLengthMax = 35000;

    private const int Capacity = PacketLengthMax + PacketCipher.LengthSize + PacketCipher.TagSize;
    private const int Alignment = 8;
    private const int PaddingMin = 4;

    private Bytes _bytes;
    private Keys _keys;
    private Keys _nextKeys;
    private int _start;
    private int _end;
    private int _payloadLength;
    private int _packet; // bytes of the packet at the front that has been opened
    private bool _isEncrypted;

    /// <summary>Number of the next packet, modulo 2^32.</summary>
    public uint Sequence { get; private set; }

    /// <summary>Bytes of packets under the present keys.</summary>
    public ulong BytesUnderKeys { get; private set; }

    /// <summary>Packets under the present keys.</summary>
    public ulong PacketsUnderKeys { get; private set; }

    /// <summary>Whether all bytes were used up.</summary>
    public readonly bool IsEmpty => _start == _end;

    /// <summary>The payload of the packet that has been opened and not yet removed.</summary>
    [UnscopedRef]
    public ReadOnlySpan<byte> OpenPayload => ((Span<byte>)_bytes).Slice(_start + PacketCipher.LengthSize + 1, _payloadLength);

    /// <summary>Takes bytes.</summary>
    /// <returns>How many; the rest finds room when packets have been read.</returns>
    public int Append(ReadOnlySpan<byte> received)
    {
        Span<byte> bytes = _bytes;
        if (_start == _end)
        {
            (_start, _end) = (0, 0);
        }
        else if (_start > 0 && Capacity - _end < received.Length)
        {
            bytes[_start.._end].CopyTo(bytes);
            (_start, _end) = (0, _end - _start);
        }

        int count = Math.Min(received.Length, Capacity - _end);
        received[..count].CopyTo(bytes[_end..]);
        _end += count;
        return count;
    }

    /// <summary>Finds the client's version line (RFC 4253, 4.2), without its end.</summary>
    /// <returns>False while it is not complete, or if it is too long: see <paramref name="isTooLong"/>.</returns>
    [UnscopedRef]
    public bool TryReadLine(int lengthMax, out ReadOnlySpan<byte> line, out bool isTooLong)
    {
        ReadOnlySpan<byte> waiting = ((Span<byte>)_bytes)[_start.._end];
        int end = waiting[..Math.Min(waiting.Length, lengthMax)].IndexOf((byte)'\n');
        isTooLong = end < 0 && waiting.Length >= lengthMax;
        line = default;
        if (end < 0)
        {
            return false;
        }

        line = waiting[..end];
        if (line.Length > 0 && line[^1] == '\r')
        {
            line = line[..^1];
        }

        _start += end + 1;
        return true;
    }

    /// <summary>
    /// Opens the packet at the front: checks its length and its tag, decrypts it and returns its payload, which stays until <see cref="Remove"/>.
    /// </summary>
    /// <returns>Whether a packet is there; false with a reason if the bytes are none.</returns>
    [UnscopedRef]
    public bool TryOpen(out ReadOnlySpan<byte> payload, out EndReason problem)
    {
        payload = default;
        problem = EndReason.None;
        Span<byte> waiting = ((Span<byte>)_bytes)[_start.._end];
        if (waiting.Length < PacketCipher.LengthSize)
        {
            return false;
        }

        // The length is looked at again whenever more bytes come; it is 4 bytes of one block of the cipher.
        uint length = _isEncrypted ? PacketCipher.ReadLength(_keys, Sequence, waiting) : BinaryPrimitives.ReadUInt32BigEndian(waiting);
        uint aligned = length + (_isEncrypted ? 0 : (uint)PacketCipher.LengthSize);
        if (length < 1 + PaddingMin || length > PacketLengthMax || aligned % Alignment != 0)
        {
            problem = EndReason.ProtocolError;
            return false;
        }

        int size = PacketCipher.LengthSize + (int)length + (_isEncrypted ? PacketCipher.TagSize : 0);
        if (waiting.Length < size)
        {
            return false;
        }

        if (_isEncrypted && !PacketCipher.TryOpen(_keys, Sequence, waiting[..size]))
        {
            problem = EndReason.MacError;
            return false;
        }

        int padding = waiting[PacketCipher.LengthSize];
        int payloadSize = (int)length - 1 - padding;
        if (padding < PaddingMin || payloadSize < 1)
        {
            problem = EndReason.ProtocolError;
            return false;
        }

        payload = waiting.Slice(PacketCipher.LengthSize + 1, payloadSize);
        _packet = size;
        _payloadLength = payloadSize;
        Sequence++;
        PacketsUnderKeys++;
        BytesUnderKeys += (ulong)size;
        return true;
    }

    /// <summary>Removes the packet that was opened.</summary>
    public void Remove()
    {
        _start += _packet;
        _packet = 0;
    }

    /// <summary>Keeps the keys that count from the client's NEWKEYS on.</summary>
    public void SetNextKeys(ReadOnlySpan<byte> keys) => keys.CopyTo(_nextKeys);

    /// <summary>Decrypts what follows with the keys that were kept.</summary>
    public void UseNextKeys(bool restartsSequence)
    {
        _keys = _nextKeys;
        FixedTime.Erase(ref _nextKeys);
        _isEncrypted = true;
        (BytesUnderKeys, PacketsUnderKeys) = (0, 0);
        if (restartsSequence)
        {
            Sequence = 0;
        }
    }

    /// <summary>Forgets what came, decrypted or not, and the keys.</summary>
    public void Reset()
    {
        ((Span<byte>)_bytes).Clear();
        FixedTime.Erase(ref _keys);
        FixedTime.Erase(ref _nextKeys);
        (_start, _end, _packet, _isEncrypted) = (0, 0, 0, false);
        (Sequence, BytesUnderKeys, PacketsUnderKeys) = (0, 0, 0);
    }

    [InlineArray(Capacity)]
    private struct Bytes
    {
        private byte _element;
    }

    [InlineArray(PacketCipher.KeySize)]
    private struct Keys
    {
        private byte _element;
    }
}
