using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using System.Linq;
using System.Runtime.InteropServices;
using Iced.Intel;
using Sos.Image;
using Sos.Image.Verification;

namespace Sos.Fuzz.Images;

/// <summary>Changes an accepted image where it hurts: its code, its tables, its headers.</summary>
public sealed class ImageMutator
{
    private const int ElfHeaderSize = 64;
    private const int ProgramHeaderSize = 56;
    private const int ChangesMax = 3;
    private const int DescriptorSize = 156;

    private readonly byte[] _original;
    private readonly int _codeAt;
    private readonly ImageSegment _code;
    private readonly Instruction[] _instructions;
    private readonly (string Name, Action<byte[], Random> Change)[] _changes;

    /// <summary>Looks at an image, which the verifier must accept.</summary>
    public ImageMutator(byte[] file)
    {
        _original = file;
        Image = ServiceImage.Read(file);
        _code = Image.Segments.Single(s => s.Protection.HasFlag(SegmentProtection.Execute));
        _codeAt = OffsetOf(_code);
        _instructions = [.. ImageVerifier.Examine(Image).Instructions];
        _changes =
        [
            ("bytes of code", ChangeCode), ("bits of an instruction", FlipBit), ("instructions moved", Splice), ("a hostile instruction", Inject),
            ("another target", Retarget), ("a jump into an instruction", JumpInside), ("a syscall in an immediate", HideInImmediate),
            ("a table's entry", ChangeReadOnlyData), ("headers", ChangeHeaders), ("the entry", ChangeEntry), ("a segment", ChangeSegment),
            ("the descriptor", ChangeDescriptor),
        ];
    }

    /// <summary>The image as it was.</summary>
    public ServiceImage Image { get; }

    /// <summary>The instructions that its entry reaches.</summary>
    public int InstructionCount => _instructions.Length;

    /// <summary>Makes a changed image with a right build id.</summary>
    /// <param name="random">Decides on the changes.</param>
    /// <param name="what">What was changed.</param>
    public byte[] Make(Random random, out string what)
    {
        byte[] file = [.. _original];
        List<string> names = [];
        for (int changes = random.Next(1, ChangesMax + 1); changes > 0; changes--)
        {
            (string name, Action<byte[], Random> change) = _changes[random.Next(_changes.Length)];
            change(file, random);
            names.Add(name);
        }

        what = string.Join(", ", names);
        BuildIdRepair.Repair(file);
        return file;
    }

    /// <summary>Makes an image in which a run of reached instructions is replaced by the given bytes, the rest of the run by
    /// NOPs.</summary>
    /// <param name="bytes">What to write.</param>
    /// <param name="random">Decides on the place.</param>
    /// <param name="rva">The place.</param>
    public byte[] Replace(byte[] bytes, Random random, out ulong rva)
    {
        byte[] file = [.. _original];
        rva = Write(file, bytes, random);
        BuildIdRepair.Repair(file);
        return file;
    }

    /// <summary>Makes an image in which some instruction is replaced by a conditional jump into the middle of another, which
    /// stays reachable.</summary>
    public byte[]? MakeJumpInside(Random random)
    {
        byte[] file = [.. _original];
        if (!TryJumpInside(file, random))
        {
            return null;
        }

        BuildIdRepair.Repair(file);
        return file;
    }

    private static int OffsetOf(ImageSegment segment) =>
        MemoryMarshal.TryGetArray(segment.Data, out ArraySegment<byte> array) ? array.Offset : throw new InvalidOperationException("no array");

    private int At(ulong rva) => _codeAt + (int)(rva - _code.Rva);

    private Instruction Pick(Random random) => _instructions[random.Next(_instructions.Length)];

    private void ChangeCode(byte[] file, Random random)
    {
        int at = _codeAt + random.Next(_code.Data.Length - 8);
        random.NextBytes(file.AsSpan(at, random.Next(1, 8)));
    }

    private void FlipBit(byte[] file, Random random)
    {
        Instruction i = Pick(random);
        file[At(i.IP) + random.Next(i.Length)] ^= (byte)(1 << random.Next(8));
    }

    private void Splice(byte[] file, Random random)
    {
        (Instruction from, Instruction to) = (Pick(random), Pick(random));
        int room = _code.Data.Length - (int)(Math.Max(from.IP, to.IP) - _code.Rva);
        _original.AsSpan(At(from.IP), Math.Min(room, random.Next(1, 48))).CopyTo(file.AsSpan(At(to.IP)));
    }

    private void Inject(byte[] file, Random random) =>
        Write(file, HostileInstruction.All[random.Next(HostileInstruction.All.Count)].Bytes, random);

    /// <summary>Over consecutive instructions that only run into each other, so that what is reached stays reached.</summary>
    private ulong Write(byte[] file, byte[] bytes, Random random)
    {
        for (int tries = 0; ; tries++)
        {
            int first = random.Next(_instructions.Length);
            int end = first;
            int room = 0;
            while (room < bytes.Length && end < _instructions.Length && _instructions[end].FlowControl == FlowControl.Next
                && _instructions[end].IP == _instructions[first].IP + (ulong)room)
            {
                room += _instructions[end++].Length;
            }

            if (room >= bytes.Length)
            {
                Span<byte> place = file.AsSpan(At(_instructions[first].IP), room);
                place.Fill(0x90);
                bytes.CopyTo(place);
                return _instructions[first].IP;
            }

            if (tries == 100_000)
            {
                throw new InvalidOperationException($"no place for {bytes.Length} bytes");
            }
        }
    }

    private void Retarget(byte[] file, Random random)
    {
        Instruction i = Pick(random);
        for (int tries = 0; i.Op0Kind != OpKind.NearBranch64 && tries < 200; tries++)
        {
            i = Pick(random);
        }

        int at = At(i.NextIP);
        if (i.Length >= 5)
        {
            ulong target = random.Next(3) switch
            {
                0 => Pick(random).IP,
                1 => _code.Rva + (ulong)random.Next(_code.Data.Length),
                _ => (ulong)random.NextInt64(int.MaxValue),
            };
            BinaryPrimitives.WriteInt32LittleEndian(file.AsSpan(at - 4), (int)(target - i.NextIP));
        }
        else
        {
            file[at - 1] = (byte)random.Next(256);
        }
    }

    private void JumpInside(byte[] file, Random random) => TryJumpInside(file, random);

    private bool TryJumpInside(byte[] file, Random random)
    {
        for (int tries = 0; tries < 1000; tries++)
        {
            int at = random.Next(_instructions.Length);
            int to = Math.Clamp(at + random.Next(-30, 31), 0, _instructions.Length - 1);
            (Instruction site, Instruction target) = (_instructions[at], _instructions[to]);
            long distance = (long)(target.IP - site.IP) - 2;
            if (at == to || site.FlowControl != FlowControl.Next || site.Length < 2 || target.Length < 2 || distance is < -120 or > 100)
            {
                continue;
            }

            file.AsSpan(At(site.IP), site.Length).Fill(0x90);
            file[At(site.IP)] = (byte)(0x70 + random.Next(16));
            file[At(site.IP) + 1] = (byte)(distance + random.Next(1, target.Length));
            return true;
        }

        return false;
    }

    private void HideInImmediate(byte[] file, Random random)
    {
        // mov rax, 0x...050f and a jump over its first two bytes.
        byte[] bytes = [0x74, 0x02, 0x48, 0xb8, 0x0f, 0x05, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90];
        Write(file, bytes, random);
    }

    private void ChangeReadOnlyData(byte[] file, Random random)
    {
        if (Image.Segments.FirstOrDefault(s => s.Protection == SegmentProtection.Read && s.Data.Length >= 4) is not { } data)
        {
            return;
        }

        int at = OffsetOf(data) + (random.Next(data.Data.Length / 4) * 4);
        int value = BinaryPrimitives.ReadInt32LittleEndian(file.AsSpan(at));
        BinaryPrimitives.WriteInt32LittleEndian(file.AsSpan(at), random.Next(2) == 0 ? value + random.Next(-16, 17) : random.Next());
    }

    private void ChangeHeaders(byte[] file, Random random)
    {
        int headers = BinaryPrimitives.ReadUInt16LittleEndian(_original.AsSpan(56));
        file[random.Next(ElfHeaderSize + (headers * ProgramHeaderSize))] = (byte)random.Next(256);
    }

    private void ChangeEntry(byte[] file, Random random) =>
        BinaryPrimitives.WriteUInt64LittleEndian(file.AsSpan(24), random.Next(4) == 0
            ? (ulong)random.Next((int)Image.MemorySize) : Pick(random).IP + (ulong)random.Next(2));

    private void ChangeSegment(byte[] file, Random random)
    {
        int headers = BinaryPrimitives.ReadUInt16LittleEndian(_original.AsSpan(56));
        Span<byte> header = file.AsSpan(ElfHeaderSize + (random.Next(headers) * ProgramHeaderSize), ProgramHeaderSize);
        switch (random.Next(5))
        {
            case 0:
                BinaryPrimitives.WriteUInt32LittleEndian(header[4..], (uint)random.Next(8));
                break;
            case 1:
                BinaryPrimitives.WriteUInt32LittleEndian(header, (uint)random.Next(8));
                break;
            case 2:
                BinaryPrimitives.WriteUInt64LittleEndian(header[16..], (ulong)random.Next(64) * ImageSegment.PageSize);
                break;
            default:
                int field = random.Next(1, 6) * 8;
                ulong value = BinaryPrimitives.ReadUInt64LittleEndian(header[field..]);
                BinaryPrimitives.WriteUInt64LittleEndian(header[field..], value + (ulong)random.Next(-64, 64));
                break;
        }
    }

    private void ChangeDescriptor(byte[] file, Random random)
    {
        int at = BuildIdRepair.FindOwner(_original) + 4;
        if (random.Next(2) == 0)
        {
            // Where the loader writes the instruction sets.
            BinaryPrimitives.WriteUInt64LittleEndian(file.AsSpan(at + 32), (ulong)random.Next((int)Image.MemorySize));
        }
        else
        {
            file[at + random.Next(DescriptorSize)] = (byte)random.Next(256);
        }
    }
}
