using System;
using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using Sos.Crypto;
using Sos.Crypto.Ciphers;
using Sos.Sdk.Memory;

namespace Sos.Ssh.Transport;

/// <summary>Packets on their way out. They are written in place, encrypted in place, and taken from the front.</summary>
internal struct SendBuffer
{
    /// <summary>Bytes of the buffer.</summary>
    public const int Capacity = 16384;

    /// <summary>Bytes kept for answers: data of channels leaves them free, and no packet is read while there are fewer.</summary>
    public const int Reserve = 4096;

    /// <summary>Bytes that a packet takes beyond its payload at most: length, padding's length, padding, tag.</summary>
    public const int Overhead = PacketCipher.LengthSize + 1 + PaddingMin + Alignment - 1 + PacketCipher.TagSize;

    private const int Alignment = 8;
    private const int PaddingMin = 4;
    private const int HeaderSize = PacketCipher.LengthSize + 1;

    private Bytes _bytes;
    private Keys _keys;
    private int _start;
    private int _end;
    private int _payload; // bytes of the payload that is being written
    private bool _isEncrypted;

    /// <summary>Number of the next packet, modulo 2^32.</summary>
    public uint Sequence { get; private set; }

    /// <summary>Bytes of packets under the present keys.</summary>
    public ulong BytesUnderKeys { get; private set; }

    /// <summary>Packets under the present keys.</summary>
    public ulong PacketsUnderKeys { get; private set; }

    /// <summary>Whether nothing waits.</summary>
    public readonly bool IsEmpty => _start == _end;

    /// <summary>Bytes that are free.</summary>
    public readonly int Room => Capacity - (_end - _start);

    /// <summary>Bytes that wait to be sent.</summary>
    [UnscopedRef]
    public ReadOnlySpan<byte> Pending => ((Span<byte>)_bytes)[_start.._end];

    /// <summary>Takes bytes from the front.</summary>
    public void Remove(int count)
    {
        Trap.Unless((uint)count <= (uint)(_end - _start), TrapCode.BadArgument);
        _start += count;
        if (_start == _end)
        {
            (_start, _end) = (0, 0);
        }
    }

    /// <summary>Appends bytes as they are: the version line.</summary>
    public void AppendRaw(ReadOnlySpan<byte> bytes)
    {
        MakeRoom(bytes.Length);
        bytes.CopyTo(((Span<byte>)_bytes)[_end..]);
        _end += bytes.Length;
    }

    /// <summary>Begins a packet and returns the room for its payload, all of which is to be written before <see cref="End"/>.</summary>
    [UnscopedRef]
    public Span<byte> Begin(int payload)
    {
        MakeRoom(payload + Overhead);
        _payload = payload;
        return ((Span<byte>)_bytes).Slice(_end + HeaderSize, payload);
    }

    /// <summary>Ends the packet: padding, of zeros since the cipher hides them, and encryption.</summary>
    public void End()
    {
        // RFC 4253, 6: what is encrypted is a multiple of 8. Of this cipher the length is encrypted apart.
        int aligned = _payload + 1 + (_isEncrypted ? 0 : PacketCipher.LengthSize);
        int padding = PaddingMin + ((Alignment - ((aligned + PaddingMin) % Alignment)) % Alignment);
        int length = 1 + _payload + padding;
        int size = PacketCipher.LengthSize + length + (_isEncrypted ? PacketCipher.TagSize : 0);
        Span<byte> packet = ((Span<byte>)_bytes).Slice(_end, size);
        BinaryPrimitives.WriteUInt32BigEndian(packet, (uint)length);
        packet[PacketCipher.LengthSize] = (byte)padding;
        packet.Slice(HeaderSize + _payload, padding).Clear();
        if (_isEncrypted)
        {
            PacketCipher.Seal(_keys, Sequence, packet);
        }

        _end += size;
        Sequence++;
        PacketsUnderKeys++;
        BytesUnderKeys += (ulong)size;
    }

    /// <summary>Encrypts what follows with these keys.</summary>
    public void SetKeys(ReadOnlySpan<byte> keys, bool restartsSequence)
    {
        keys.CopyTo(_keys);
        _isEncrypted = true;
        (BytesUnderKeys, PacketsUnderKeys) = (0, 0);
        if (restartsSequence)
        {
            Sequence = 0;
        }
    }

    /// <summary>Empties the buffer and forgets the keys.</summary>
    public void Reset()
    {
        FixedTime.Erase(ref _keys);
        (_start, _end, _payload, _isEncrypted) = (0, 0, 0, false);
        (Sequence, BytesUnderKeys, PacketsUnderKeys) = (0, 0, 0);
    }

    private void MakeRoom(int count)
    {
        Trap.Unless(count <= Room, TrapCode.BufferBounds);
        if (Capacity - _end < count)
        {
            Span<byte> bytes = _bytes;
            bytes[_start.._end].CopyTo(bytes);
            (_start, _end) = (0, _end - _start);
        }
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
