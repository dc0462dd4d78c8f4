using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using System.Text;

namespace Sos.RemoteConsole.Control.Linux;

/// <summary>A member of a struct, wherever in it.</summary>
/// <param name="BitOffset">Bits from the struct's start.</param>
/// <param name="Type">Its type.</param>
internal readonly record struct BtfMember(ulong BitOffset, uint Type)
{
    /// <summary>Bytes from the struct's start.</summary>
    public long ByteOffset => (long)(BitOffset / 8);
}

/// <summary>
/// The types of a kernel as it tells them itself (BTF, Documentation/bpf/btf.rst): names, sizes, members. Only what is asked for is decoded. A description that
/// contradicts itself is refused, not guessed at.
/// </summary>
internal sealed class BtfTypes
{
    private const ushort Magic = 0xeb9f;
    private const int HeaderSize = 24;
    private const int TypeSize = 12;
    private const int MemberSize = 12;
    private const int DepthMax = 32;

    /// <summary>Structs that are looked into for one member, at most: no kernel's has so many within it.</summary>
    private const int VisitsMax = 10_000;

    private readonly byte[] _bytes;
    private readonly int _strings;
    private readonly int _stringsEnd;
    private readonly List<int> _types = [0];
    private readonly Dictionary<string, uint> _structs = [];
    private readonly Dictionary<string, long> _enumerators = [];

    /// <summary>Reads a description.</summary>
    /// <param name="bytes">The bytes of <c>/sys/kernel/btf/vmlinux</c>.</param>
    /// <exception cref="FormatException">The bytes are none.</exception>
    public BtfTypes(byte[] bytes)
    {
        _bytes = bytes;
        if (bytes.Length < HeaderSize || BinaryPrimitives.ReadUInt16LittleEndian(bytes) != Magic || bytes[2] != 1)
        {
            throw new FormatException("this is no BTF of version 1 for this byte order");
        }

        uint header = Number(4);
        (long types, long typesEnd) = Section(header, 8);
        (long strings, long stringsEnd) = Section(header, 16);
        (_strings, _stringsEnd) = ((int)strings, (int)stringsEnd);
        for (int at = (int)types; at < typesEnd;)
        {
            _types.Add(at);
            Note((uint)_types.Count - 1, at);
            at = checked(at + TypeSize + Extra(at));
            if (at > typesEnd)
            {
                throw new FormatException("the last type is cut");
            }
        }
    }

    private enum Kind
    {
        Integer = 1,
        Pointer = 2,
        Array = 3,
        Struct = 4,
        Union = 5,
        Enum = 6,
        Typedef = 8,
        Volatile = 9,
        Const = 10,
        Restrict = 11,
        Prototype = 13,
        Variable = 14,
        Section = 15,
        Float = 16,
        DeclarationTag = 17,
        TypeTag = 18,
        Enum64 = 19,
    }

    /// <summary>How many types there are.</summary>
    public int Count => _types.Count - 1;

    /// <summary>Finds a member of a struct.</summary>
    /// <param name="name">The struct's name.</param>
    /// <param name="path">
    /// The member's name, with names of members within it behind dots. Members of unnamed structs are found as if they were the outer one's.
    /// </param>
    /// <returns>Null if there is none.</returns>
    public BtfMember? FindMember(string name, string path)
    {
        if (!_structs.TryGetValue(name, out uint type))
        {
            return null;
        }

        int visits = 0;
        BtfMember found = new(0, type);
        foreach (string part in path.Split('.'))
        {
            if (FindWithin(found.Type, part, 0, ref visits) is not { } member)
            {
                return null;
            }

            found = new BtfMember(found.BitOffset + member.BitOffset, member.Type);
        }

        return found;
    }

    /// <summary>The size of a struct or union.</summary>
    /// <returns>Null if there is none of that name.</returns>
    public long? FindSize(string name) => _structs.TryGetValue(name, out uint type) ? Number(_types[(int)type] + 8) : null;

    /// <summary>How many elements an array that is a member has.</summary>
    /// <returns>Null if there is no such member, or it is no array.</returns>
    public long? FindLength(string name, string path)
        => FindMember(name, path) is { } member && Resolve(member.Type) is var type and not 0 && KindAt(type) == Kind.Array
            ? Number(_types[(int)type] + TypeSize + 8) : null;

    /// <summary>The value of an enum's constant.</summary>
    /// <returns>Null if there is none of that name.</returns>
    public long? FindConstant(string name) => _enumerators.TryGetValue(name, out long value) ? value : null;

    private BtfMember? FindWithin(uint type, string name, int depth, ref int visits)
    {
        if (++visits > VisitsMax)
        {
            throw new FormatException("a type is made of itself");
        }

        type = Resolve(type);
        if (depth > DepthMax || type == 0 || KindAt(type) is not (Kind.Struct or Kind.Union))
        {
            return null;
        }

        int at = _types[(int)type];
        bool hasBitFields = Number(at + 4) >> 31 != 0;
        for (int i = 0; i < Length(at); i++)
        {
            int member = at + TypeSize + (i * MemberSize);
            uint place = Number(member + 8);
            BtfMember here = new(hasBitFields ? place & 0xff_ffff : place, Number(member + 4));
            string own = Text(Number(member));
            if (own == name)
            {
                return here;
            }

            if (own.Length == 0 && FindWithin(here.Type, name, depth + 1, ref visits) is { } inner)
            {
                return new BtfMember(here.BitOffset + inner.BitOffset, inner.Type);
            }
        }

        return null;
    }

    /// <summary>The type that another name or qualifier stands for.</summary>
    private uint Resolve(uint type)
    {
        for (int i = 0; i < DepthMax; i++)
        {
            if (type >= _types.Count)
            {
                throw new FormatException($"there is no type {type}");
            }

            if (type == 0 || KindAt(type) is not (Kind.Typedef or Kind.Volatile or Kind.Const or Kind.Restrict or Kind.TypeTag))
            {
                return type;
            }

            type = Number(_types[(int)type] + 8);
        }

        throw new FormatException("a type is made of itself");
    }

    /// <summary>Takes note of a type's name, and of the constants of an enum.</summary>
    private void Note(uint type, int at)
    {
        switch (KindAt(type))
        {
            case Kind.Struct or Kind.Union when Text(Number(at)) is { Length: > 0 } name:
                _ = _structs.TryAdd(name, type);
                break;
            case Kind.Enum:
                for (int i = 0; i < Length(at); i++)
                {
                    int each = at + TypeSize + (i * 8);
                    _ = _enumerators.TryAdd(Text(Number(each)), (int)Number(each + 4));
                }

                break;
            case Kind.Enum64:
                for (int i = 0; i < Length(at); i++)
                {
                    int each = at + TypeSize + (i * 12);
                    _ = _enumerators.TryAdd(Text(Number(each)), (long)(Number(each + 4) | ((ulong)Number(each + 8) << 32)));
                }

                break;
        }
    }

    /// <summary>Bytes behind a type's first three numbers.</summary>
    private int Extra(int at)
    {
        int length = Length(at);
        return (Kind)((Number(at + 4) >> 24) & 0x1f) switch
        {
            Kind.Integer or Kind.Variable or Kind.DeclarationTag => 4,
            Kind.Array => 12,
            Kind.Struct or Kind.Union or Kind.Section or Kind.Enum64 => length * 12,
            Kind.Enum or Kind.Prototype => length * 8,
            <= Kind.Enum64 and not 0 => 0,
            Kind kind => throw new FormatException($"type {_types.Count - 1} is of kind {(int)kind}, which this version does not know"),
        };
    }

    private Kind KindAt(uint type) => (Kind)((Number(_types[(int)type] + 4) >> 24) & 0x1f);

    private int Length(int at) => (int)(Number(at + 4) & 0xffff);

    private (long Start, long End) Section(uint header, int at)
    {
        long start = (long)header + Number(at);
        long end = start + Number(at + 4);
        return end <= _bytes.Length ? (start, end) : throw new FormatException("it is cut");
    }

    private uint Number(int at)
        => at >= 0 && at <= _bytes.Length - sizeof(uint) ? BinaryPrimitives.ReadUInt32LittleEndian(_bytes.AsSpan(at)) : throw new FormatException("it is cut");

    private string Text(uint offset)
    {
        if (offset >= _stringsEnd - _strings)
        {
            throw new FormatException("a name lies outside of the names");
        }

        ReadOnlySpan<byte> rest = _bytes.AsSpan((int)(_strings + offset), (int)(_stringsEnd - _strings - offset));
        int end = rest.IndexOf((byte)0);
        return end >= 0 ? Encoding.UTF8.GetString(rest[..end]) : throw new FormatException("a name has no end");
    }
}
