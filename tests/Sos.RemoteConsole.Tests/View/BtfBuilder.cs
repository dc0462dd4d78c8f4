using System;
using System.Collections.Generic;
using System.IO;
using System.Text;

namespace Sos.RemoteConsole.Tests.View;

/// <summary>Writes BTF (Documentation/bpf/btf.rst), type after type.</summary>
internal sealed class BtfBuilder
{
    private readonly MemoryStream _types = new();
    private readonly List<byte> _names = [0];

    public uint Count { get; private set; }

    public uint Integer(string name, uint size) => Add(name, 1, 0, size, false, 0);

    public uint Pointer(uint type) => Add("", 2, 0, type, false);

    public uint Array(uint type, uint index, uint length) => Add("", 3, 0, 0, false, type, index, length);

    public uint Typedef(string name, uint type) => Add(name, 8, 0, type, false);

    public uint Const(uint type) => Add("", 10, 0, type, false);

    public uint Struct(string name, uint size, params (string Name, uint Type, uint Bits)[] members) => Compound(4, name, size, false, members);

    public uint Union(string name, uint size, params (string Name, uint Type, uint Bits)[] members) => Compound(5, name, size, false, members);

    /// <summary>A struct with bit fields: the size of a field stands in the upper eight bits of its place.</summary>
    public uint BitStruct(string name, uint size, params (string Name, uint Type, uint Bits)[] members) => Compound(4, name, size, true, members);

    public uint Enum(string name, params (string Name, int Value)[] constants)
    {
        List<uint> numbers = [];
        foreach ((string constant, int value) in constants)
        {
            numbers.AddRange([Name(constant), unchecked((uint)value)]);
        }

        return Add(name, 6, (uint)constants.Length, 4, false, [.. numbers]);
    }

    public uint Enum64(string name, params (string Name, long Value)[] constants)
    {
        List<uint> numbers = [];
        foreach ((string constant, long value) in constants)
        {
            numbers.AddRange([Name(constant), unchecked((uint)value), (uint)(value >> 32)]);
        }

        return Add(name, 19, (uint)constants.Length, 8, false, [.. numbers]);
    }

    /// <summary>Any other kind, with numbers behind it.</summary>
    public uint Other(uint kind, uint length, params uint[] numbers) => Add("", kind, length, 0, false, numbers);

    public byte[] ToArray()
    {
        byte[] types = _types.ToArray();
        using MemoryStream all = new();
        using BinaryWriter writer = new(all);
        writer.Write((ushort)0xeb9f);
        writer.Write((byte)1);
        writer.Write((byte)0);
        foreach (uint number in (uint[])[24, 0, (uint)types.Length, (uint)types.Length, (uint)_names.Count])
        {
            writer.Write(number);
        }

        writer.Write(types);
        writer.Write(_names.ToArray());
        return all.ToArray();
    }

    private uint Compound(uint kind, string name, uint size, bool hasBits, (string Name, uint Type, uint Bits)[] members)
    {
        List<uint> numbers = [];
        foreach ((string member, uint type, uint bits) in members)
        {
            numbers.AddRange([Name(member), type, bits]);
        }

        return Add(name, kind, (uint)members.Length, size, hasBits, [.. numbers]);
    }

    private uint Add(string name, uint kind, uint length, uint size, bool flag, params uint[] numbers)
    {
        foreach (uint number in (uint[])[Name(name), length | (kind << 24) | (flag ? 1u << 31 : 0), size, .. numbers])
        {
            _types.Write(BitConverter.GetBytes(number));
        }

        return ++Count;
    }

    private uint Name(string name)
    {
        if (name.Length == 0)
        {
            return 0;
        }

        uint place = (uint)_names.Count;
        _names.AddRange(Encoding.UTF8.GetBytes(name));
        _names.Add(0);
        return place;
    }
}
