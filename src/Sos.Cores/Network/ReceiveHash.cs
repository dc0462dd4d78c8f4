using System;
using System.Buffers.Binary;
using Sos.Cores.Native;

namespace Sos.Cores.Network;

/// <summary>
/// How a card shares what it receives among its queues, as 'ethtool -X' sets it (ETHTOOL_GRSSH, ETHTOOL_SRSSH): function, key and table of the hash; and
/// what of a frame goes into it, by kind of traffic ('ethtool -N DEVICE rx-flow-hash').
/// </summary>
internal static class ReceiveHash
{
    private const uint GetHash = 0x46; // ETHTOOL_GRSSH
    private const uint SetHash = 0x47; // ETHTOOL_SRSSH
    private const uint GetFields = 0x29; // ETHTOOL_GRXFH
    private const uint SetFields = 0x2a; // ETHTOOL_SRXFH
    private const int TableSizeOffset = 8; // in struct ethtool_rxfh, entries of 4 bytes
    private const int KeySizeOffset = 12;
    private const int FunctionOffset = 16;
    private const int FixedSize = 24;
    private const int EntrySize = sizeof(uint);
    private const uint NoChange = uint.MaxValue; // ETH_RXFH_INDIR_NO_CHANGE
    private const int FlowOffset = 4; // in struct ethtool_rxnfc
    private const int FieldsOffset = 8;
    private const int FlowRequestSize = 192; // struct ethtool_rxnfc

    /// <summary>Reads function, key and table.</summary>
    /// <param name="device">Name of the device.</param>
    /// <returns>struct ethtool_rxfh without its command; null for a card that has no such hash.</returns>
    /// <exception cref="SosException">Linux does not say.</exception>
    public static byte[]? TryRead(string device)
    {
        byte[] sizes = new byte[FixedSize];
        BinaryPrimitives.WriteUInt32LittleEndian(sizes, GetHash);
        if (!Ask(device, sizes))
        {
            return null;
        }

        byte[] hash = new byte[FixedSize + TableSize(sizes) + KeySize(sizes)];
        sizes.CopyTo(hash, 0);
        BinaryPrimitives.WriteUInt32LittleEndian(hash, GetHash);
        return Ask(device, hash) ? hash[sizeof(uint)..] : null;
    }

    /// <summary>Sets what of function, key and table differs from what the device has.</summary>
    /// <param name="device">Name of the device.</param>
    /// <param name="wanted">The answer of <see cref="TryRead"/>.</param>
    /// <returns>0 or an errno.</returns>
    public static int TrySet(string device, ReadOnlySpan<byte> wanted)
    {
        if (wanted.Length < FixedSize - sizeof(uint) || TryRead(device) is not { } now)
        {
            return Errno.NotSupported;
        }

        if (wanted.SequenceEqual(now))
        {
            return 0;
        }

        byte[] whole = [.. new byte[sizeof(uint)], .. wanted];
        byte[] had = [.. new byte[sizeof(uint)], .. now];
        Span<byte> table = whole.AsSpan(FixedSize, TableSize(whole));
        Span<byte> key = whole.AsSpan(FixedSize + table.Length, KeySize(whole));
        bool sameTable = table.SequenceEqual(had.AsSpan(FixedSize, TableSize(had)));
        bool sameKey = key.SequenceEqual(had.AsSpan(FixedSize + TableSize(had), KeySize(had)));
        byte[] request = [.. whole[..FixedSize], .. sameTable ? [] : table, .. sameKey ? [] : key];
        BinaryPrimitives.WriteUInt32LittleEndian(request, SetHash);

        // A table that is set counts as somebody's wish, and keeps 'ethtool -L' from making queues fewer: it is set only where it was.
        BinaryPrimitives.WriteUInt32LittleEndian(request.AsSpan(TableSizeOffset), sameTable ? NoChange : (uint)(table.Length / EntrySize));
        BinaryPrimitives.WriteUInt32LittleEndian(request.AsSpan(KeySizeOffset), sameKey ? 0 : (uint)key.Length);
        request[FunctionOffset] = whole[FunctionOffset] == had[FunctionOffset] ? (byte)0 : whole[FunctionOffset];
        return EthtoolCall.Try(device, request);
    }

    /// <summary>Reads what of a frame goes into the hash (RXH_IP_SRC and its like).</summary>
    /// <param name="device">Name of the device.</param>
    /// <param name="flow">The kind of traffic, TCP_V4_FLOW for one.</param>
    /// <returns>Null for a card that does not say.</returns>
    public static ulong? TryReadFields(string device, uint flow)
    {
        byte[] request = FlowRequest(GetFields, flow, 0);
        return EthtoolCall.Try(device, request) == 0 ? BinaryPrimitives.ReadUInt64LittleEndian(request.AsSpan(FieldsOffset)) : null;
    }

    /// <summary>Sets what of a frame goes into the hash.</summary>
    /// <param name="device">Name of the device.</param>
    /// <param name="flow">The kind of traffic.</param>
    /// <param name="fields">The fields.</param>
    /// <returns>0 or an errno.</returns>
    public static int TrySetFields(string device, uint flow, ulong fields) => EthtoolCall.Try(device, FlowRequest(SetFields, flow, fields));

    private static byte[] FlowRequest(uint command, uint flow, ulong fields)
    {
        byte[] request = new byte[FlowRequestSize];
        BinaryPrimitives.WriteUInt32LittleEndian(request, command);
        BinaryPrimitives.WriteUInt32LittleEndian(request.AsSpan(FlowOffset), flow);
        BinaryPrimitives.WriteUInt64LittleEndian(request.AsSpan(FieldsOffset), fields);
        return request;
    }

    /// <returns>Whether there is an answer.</returns>
    private static bool Ask(string device, byte[] request)
    {
        int errno = EthtoolCall.Try(device, request);
        return errno switch
        {
            0 => true,
            Errno.NotSupported => false,
            _ => throw Errno.ToException($"asking for the receive hash of {device}", errno, null),
        };
    }

    private static int TableSize(ReadOnlySpan<byte> hash) => (int)BinaryPrimitives.ReadUInt32LittleEndian(hash[TableSizeOffset..]) * EntrySize;

    private static int KeySize(ReadOnlySpan<byte> hash) => (int)BinaryPrimitives.ReadUInt32LittleEndian(hash[KeySizeOffset..]);
}
