using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using System.Linq;
using System.Text;
using Sos.Cores.Native;

namespace Sos.Cores.Network;

/// <summary>The features of a network device, which 'ethtool -k' shows (ETHTOOL_GFEATURES, ETHTOOL_SFEATURES of linux/ethtool.h).</summary>
internal sealed class DeviceFeatures
{
    private const uint SetInformation = 0x37; // ETHTOOL_GSSET_INFO
    private const uint GetStrings = 0x1b; // ETHTOOL_GSTRINGS
    private const uint GetFeatures = 0x3a; // ETHTOOL_GFEATURES
    private const uint SetFeatures = 0x3b; // ETHTOOL_SFEATURES
    private const uint FeatureSet = 4; // ETH_SS_FEATURES
    private const int NameSize = 32; // ETH_GSTRING_LEN

    private readonly string _device;
    private readonly string[] _names;

    private DeviceFeatures(string device, string[] names) => (_device, _names) = (device, names);

    private int Blocks => (_names.Length + 31) / 32;

    /// <summary>Those that can be switched on and off.</summary>
    public IEnumerable<string> Changeable
    {
        get
        {
            byte[] blocks = Read();
            return _names.Where((name, bit) => name.Length > 0 && IsSet(blocks, bit, word: 0) && !IsSet(blocks, bit, word: 3));
        }
    }

    /// <summary>Asks what there is.</summary>
    /// <exception cref="SosException">Linux does not say.</exception>
    public static DeviceFeatures Of(string device)
    {
        byte[] information = new byte[24];
        BinaryPrimitives.WriteUInt32LittleEndian(information, SetInformation);
        BinaryPrimitives.WriteUInt64LittleEndian(information.AsSpan(8), 1UL << (int)FeatureSet);
        Call(device, information, "counting the features of");
        uint count = BinaryPrimitives.ReadUInt32LittleEndian(information.AsSpan(16));
        byte[] strings = new byte[12 + (count * NameSize)];
        BinaryPrimitives.WriteUInt32LittleEndian(strings, GetStrings);
        BinaryPrimitives.WriteUInt32LittleEndian(strings.AsSpan(4), FeatureSet);
        BinaryPrimitives.WriteUInt32LittleEndian(strings.AsSpan(8), count);
        Call(device, strings, "listing the features of");
        string[] names = new string[count];
        for (int i = 0; i < count; i++)
        {
            ReadOnlySpan<byte> name = strings.AsSpan(12 + (i * NameSize), NameSize);
            names[i] = Encoding.ASCII.GetString(name[..Math.Max(0, name.IndexOf((byte)0))]);
        }

        return new DeviceFeatures(device, names);
    }

    /// <summary>Whether a feature is on; false where there is none of that name.</summary>
    public bool IsOn(string feature) => Array.IndexOf(_names, feature) is var bit and >= 0 && IsSet(Read(), bit, word: 2);

    /// <summary>Whether somebody wants a feature; another one that it needs may be off.</summary>
    public bool IsWanted(string feature) => Array.IndexOf(_names, feature) is var bit and >= 0 && IsSet(Read(), bit, word: 1);

    /// <summary>Switches features on or off. Those that there are not, or that are fixed, stay as they are.</summary>
    public void Set(bool on, params ReadOnlySpan<string> features)
    {
        // struct ethtool_set_features_block: valid, requested.
        byte[] request = new byte[8 + (Blocks * 8)];
        BinaryPrimitives.WriteUInt32LittleEndian(request, SetFeatures);
        BinaryPrimitives.WriteUInt32LittleEndian(request.AsSpan(4), (uint)Blocks);
        foreach (string feature in features)
        {
            int bit = Array.IndexOf(_names, feature);
            if (bit >= 0)
            {
                Span<byte> valid = request.AsSpan(8 + (bit / 32 * 8));
                Span<byte> requested = valid[4..];
                BinaryPrimitives.WriteUInt32LittleEndian(valid, BinaryPrimitives.ReadUInt32LittleEndian(valid) | (1u << (bit % 32)));
                uint value = on ? 1u << (bit % 32) : 0;
                BinaryPrimitives.WriteUInt32LittleEndian(requested, BinaryPrimitives.ReadUInt32LittleEndian(requested) | value);
            }
        }

        Call(_device, request, "setting the features of");
    }

    /// <summary>Reads what is so now: blocks of four words (available, requested, active, never changed; struct ethtool_get_features_block).</summary>
    private byte[] Read()
    {
        byte[] request = new byte[8 + (Blocks * 16)];
        BinaryPrimitives.WriteUInt32LittleEndian(request, GetFeatures);
        BinaryPrimitives.WriteUInt32LittleEndian(request.AsSpan(4), (uint)Blocks);
        Call(_device, request, "reading the features of");
        return request[8..];
    }

    private static bool IsSet(byte[] blocks, int bit, int word)
        => (BinaryPrimitives.ReadUInt32LittleEndian(blocks.AsSpan((bit / 32 * 16) + (word * 4))) & (1u << (bit % 32))) != 0;

    private static void Call(string device, byte[] data, string what)
    {
        int errno = EthtoolCall.Try(device, data);
        if (errno != 0)
        {
            throw Errno.ToException($"{what} {device}", errno, null);
        }
    }
}
