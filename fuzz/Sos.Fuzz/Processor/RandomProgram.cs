using System;
using System.Collections.Generic;
using System.IO;
using Iced.Intel;
using Sos.Fuzz.Images;
using Sos.Image.Verification;
using Sos.Image.Verification.Forms;
using static Iced.Intel.AssemblerRegisters;

namespace Sos.Fuzz.Processor;

/// <summary>
/// Draws small programs: functions with frames, slots, addresses of the frame in registers, joins, loops, calls with arguments on the
/// stack, the gate, and switches, right and wrong. What the verifier accepts of them is run.
/// </summary>
internal sealed class RandomProgram(EncodingFilter filter, Random random)
{
    private const int FunctionsMax = 3;
    private const int BodyMax = 20;
    private const int DrawsMax = 200;

    private static readonly AssemblerRegister64[] Wide = [rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15];
    private static readonly AssemblerRegister32[] Narrow =
        [eax, ecx, edx, ebx, esp, ebp, esi, edi, r8d, r9d, r10d, r11d, r12d, r13d, r14d, r15d];
    private static readonly int[] Saved = [3, 5, 12, 13, 14, 15];
    private static readonly int[] Scratch = [0, 1, 2, 6, 7, 8, 9, 10, 11];

    private readonly Assembler _a = new(64);
    private readonly List<(Spot Spot, int After)> _pending = [];
    private readonly List<Label> _functions = [];
    private readonly List<Spot> _cases = [];
    private readonly List<Label> _earlier = [];

    /// <summary>Makes the program's image.</summary>
    public byte[] Make()
    {
        int count = random.Next(1, FunctionsMax + 1);
        for (int f = 0; f < count; f++)
        {
            _functions.Add(_a.CreateLabel());
        }

        for (int f = 0; f < count; f++)
        {
            Function(f);
        }

        using MemoryStream stream = new();
        AssemblerResult result = _a.Assemble(new StreamCodeWriter(stream), CodeImage.CodeRva, BlockEncoderOptions.ReturnNewInstructionOffsets);
        byte[] table = new byte[Math.Max(8, 4 * _cases.Count)];
        for (int i = 0; i < _cases.Count; i++)
        {
            BitConverter.TryWriteBytes(table.AsSpan(4 * i), (int)(result.GetLabelRIP(_cases[i].Label) - CodeImage.CodeRva));
        }

        return CodeImage.Create(stream.ToArray(), table);
    }

    private void Function(int number)
    {
        Label start = _functions[number];
        _a.Label(ref start);
        _a.nop();
        _functions[number] = start;
        _earlier.Clear();
        int saved = random.Next(Saved.Length + 1);
        for (int i = 0; i < saved; i++)
        {
            _a.push(Wide[Saved[i]]);
        }

        int room = 8 * random.Next(0, 8);
        if (room != 0)
        {
            _a.sub(rsp, room);
        }

        int body = random.Next(1, BodyMax + 1);
        for (int i = 0; i < body; i++)
        {
            Place(i);
            Statement(number, saved, body, i);
        }

        Place(int.MaxValue);
        if (room != 0)
        {
            _a.add(rsp, room);
        }

        for (int i = saved - 1; i >= 0; i--)
        {
            _a.pop(Wide[Saved[i]]);
        }

        _a.ret();
    }

    /// <summary>Puts the labels that wait for this place.</summary>
    private void Place(int at)
    {
        for (int i = _pending.Count - 1; i >= 0; i--)
        {
            if (_pending[i].After <= at)
            {
                _a.Label(ref _pending[i].Spot.Label);
                _a.nop();
                _pending.RemoveAt(i);
            }
        }

        if (random.Next(8) == 0)
        {
            Label here = _a.CreateLabel();
            _a.Label(ref here);
            _a.nop();
            _earlier.Add(here);
        }
    }

    private Spot Forward(int body, int at)
    {
        Spot spot = new() { Label = _a.CreateLabel() };
        _pending.Add((spot, random.Next(at + 1, body + 1)));
        return spot;
    }

    private int Any(int saved) => random.Next(4) == 0 && saved > 0 ? Saved[random.Next(saved)] : Scratch[random.Next(Scratch.Length)];

    private void Statement(int function, int saved, int body, int at)
    {
        int r = Any(saved);
        int q = random.Next(6) == 0 ? 4 : Any(6);
        int slot = (8 * random.Next(-1, 9)) + (random.Next(8) == 0 ? random.Next(8) : 0);
        switch (random.Next(19))
        {
            case 0: _a.mov(Wide[r], Wide[q]); break;
            case 1: _a.mov(Narrow[r], Narrow[q]); break;
            case 2: _a.mov(__qword_ptr[rsp + slot], Wide[q]); break;
            case 3: _a.mov(Wide[r], __qword_ptr[rsp + slot]); break;
            case 4: _a.lea(Wide[r], __[rsp + slot]); break;
            case 5: _a.mov(__dword_ptr[Wide[q] + slot], Narrow[r]); break;
            case 6: _a.mov(__qword_ptr[Wide[q] + slot], Wide[r]); break;
            case 7: _a.add(Wide[r], random.Next(-64, 64)); break;
            case 8: _a.and(Narrow[r], random.Next(16)); break;
            case 9:
                _a.push(Wide[q]);
                Draw();
                _a.pop(Wide[r]);
                break;
            case 10 or 11:
                _a.cmp(Narrow[r], random.Next(8));
                Branch(Forward(body, at).Label);
                break;
            case 12 when _earlier.Count > 0:
                _a.dec(Narrow[r]);
                _a.jne(_earlier[random.Next(_earlier.Count)]);
                break;
            case 13 when function + 1 < _functions.Count:
                Call(_functions[random.Next(function + 1, _functions.Count)]);
                break;
            case 14: Switch(r, body, at); break;
            case 15 when random.Next(4) == 0:
                _a.mov(eax, 1);
                _a.@int(0x20);
                break;
            case 16 when random.Next(3) == 0:
                _a.lea(rdi, __[rsp + slot]);
                _a.mov(ecx, random.Next(24));
                _a.rep.stosb();
                break;
            default: Draw(); break;
        }
    }

    private void Branch(Label target)
    {
        switch (random.Next(6))
        {
            case 0: _a.ja(target); break;
            case 1: _a.jae(target); break;
            case 2: _a.jb(target); break;
            case 3: _a.jbe(target); break;
            case 4: _a.je(target); break;
            default: _a.jne(target); break;
        }
    }

    private void Call(Label target)
    {
        int room = 8 * random.Next(0, 4);
        if (room != 0)
        {
            _a.sub(rsp, room);
        }

        _a.call(target);
        if (room != 0)
        {
            _a.add(rsp, room);
        }
    }

    /// <summary>A switch, with its parts sometimes missing, of another width, or of another register.</summary>
    private void Switch(int index, int body, int at)
    {
        int cases = random.Next(1, 5);
        int other = random.Next(3) == 0 ? Scratch[random.Next(Scratch.Length)] : index;
        Label done = Forward(body, at).Label;
        if (other != index && random.Next(2) == 0)
        {
            _a.mov(Narrow[other], Narrow[index]);
        }

        switch (random.Next(6))
        {
            case 0: _a.cmp(Wide[index], cases - 1); break;
            case 1: _a.and(Narrow[index], cases - 1); break;
            default: _a.cmp(Narrow[index], cases - 1); break;
        }

        if (random.Next(5) != 0)
        {
            _a.ja(done);
        }
        else
        {
            Branch(done);
        }

        if (random.Next(4) != 0)
        {
            _a.mov(Narrow[other], Narrow[index]);
        }

        // Two scratch registers that are not the index.
        int table = (other + 1) % 4 == 3 ? 0 : (other + 1) % 4;
        table = table == other ? 2 : table;
        long first = (long)CodeImage.DataRva + (4 * _cases.Count);
        for (int i = 0; i < cases; i++)
        {
            _cases.Add(Forward(body, at));
        }

        _a.AddInstruction(Instruction.Create(Code.Lea_r64_m, (Register)Wide[table], new MemoryOperand(Register.RIP, first)));
        _a.mov(Narrow[table], __dword_ptr[Wide[table] + Wide[other] * 4]);
        _a.AddInstruction(Instruction.Create(Code.Lea_r64_m, Register.R11, new MemoryOperand(Register.RIP, (long)CodeImage.CodeRva)));
        _a.add(Wide[table], r11);
        _a.jmp(Wide[table]);
    }

    /// <summary>A random instruction of the list that goes on to the next, accesses no memory, and leaves RSP alone.</summary>
    private void Draw()
    {
        Span<byte> bytes = stackalloc byte[15];
        for (int n = 0; n < DrawsMax; n++)
        {
            Encodings.Write(Encodings.Heads[random.Next(Encodings.Heads.Count)], (byte)random.Next(256), (byte)(0xc0 | random.Next(64)), random, bytes);
            if (filter.IsAllowed(bytes, out Instruction i, out Effect effect) && IsPlain(i, effect))
            {
                _a.db(bytes[..i.Length].ToArray());
                return;
            }
        }

        _a.nop();
    }

    private static bool IsPlain(in Instruction i, Effect effect) => effect is not (Effect.Push or Effect.Pop or Effect.Jump or Effect.Branch or Effect.Call
            or Effect.Return or Effect.Switch or Effect.Gate or Effect.Trap or Effect.RepeatedMove or Effect.RepeatedStore)
        && i.Op0Kind != OpKind.Memory && i.Op1Kind != OpKind.Memory && i.Op2Kind != OpKind.Memory
        && ((InstructionAccess.Of(i, effect).Registers & ~0xfc7) == 0 || (i.Length & 3) == 0) && (InstructionAccess.Of(i, effect).Registers & 0x10) == 0;

    /// <summary>A place to which control may go, and which may be put later.</summary>
    private sealed class Spot
    {
        public Label Label;
    }
}
