using System;
using System.Collections.Generic;
using System.Collections.Immutable;
using System.Linq;
using Iced.Intel;
using Sos.Image;
using Sos.Image.Verification;

namespace Sos.Fuzz.Images;

/// <summary>Checks with another decoder that every image which the verifier accepts is what it promises.</summary>
public static class AcceptedImage
{
    /// <summary>
    /// Requires that both decoders see the same instructions in what the entry reaches, that none of them is forbidden, and that
    /// from none of them control can go elsewhere, as far as that is a constant.
    /// </summary>
    /// <exception cref="FuzzException">It does not hold.</exception>
    public static void Require(ServiceImage image, Verdict verdict)
    {
        FuzzException.Require(verdict.Diagnostics.IsEmpty, "the image is accepted");
        ImmutableArray<Instruction> all = verdict.Instructions;
        HashSet<ulong> starts = [.. all.Select(i => i.IP)];
        FuzzException.Require(starts.Contains(image.Entry), "the entry was decoded");
        for (int i = 1; i < all.Length; i++)
        {
            FuzzException.Require(all[i].IP >= all[i - 1].NextIP, $"no instruction overlaps another: 0x{all[i].IP:x}");
        }

        foreach (ImageSegment segment in image.Segments.Where(s => s.Protection.HasFlag(SegmentProtection.Execute)))
        {
            List<Instruction> own = [.. all.Where(i => segment.Contains(i.IP))];
            Dictionary<ulong, DecodedInstruction> second = Objdump.Decode(Reached(segment, own), segment.Rva);
            foreach (Instruction first in own)
            {
                FuzzException.Require(first.NextIP <= segment.Rva + (ulong)segment.Data.Length, $"code ends with its segment: 0x{first.IP:x}");
                RequireSame(first, second.GetValueOrDefault(first.IP), starts);
            }
        }
    }

    /// <summary>The segment's bytes, with NOPs in place of what the entry does not reach, so that the second decoder keeps in
    /// step.</summary>
    private static byte[] Reached(ImageSegment segment, List<Instruction> own)
    {
        byte[] code = new byte[segment.Data.Length];
        code.AsSpan().Fill(0x90);
        foreach (Instruction i in own)
        {
            int at = (int)(i.IP - segment.Rva);
            int length = Math.Min(i.Length, code.Length - at);
            segment.Data.Span.Slice(at, length).CopyTo(code.AsSpan(at));
        }

        return code;
    }

    private static void RequireSame(in Instruction first, DecodedInstruction? second, HashSet<ulong> starts)
    {
        string where = $"0x{first.IP:x}: \"{first}\" and \"{second?.Text}\"";
        FuzzException.Require(second is not null && second.Length == first.Length, $"both decoders see an instruction of {first.Length} bytes at {where}");
        FuzzException.Require(second!.Flow != ControlFlow.Forbidden, $"no forbidden instruction is accepted: {where}");
        ControlFlow flow = FlowOf(first);
        FuzzException.Require(second.Flow == flow, $"both decoders see the same flow of control ({flow}, {second.Flow}) at {where}");
        if (flow is ControlFlow.Jump or ControlFlow.ConditionalJump or ControlFlow.Call)
        {
            FuzzException.Require(second.Target == first.NearBranchTarget, $"both decoders see the same target at {where}");
            FuzzException.Require(starts.Contains(second.Target), $"the target was decoded: {where}");
        }

        if (flow is ControlFlow.Next or ControlFlow.ConditionalJump or ControlFlow.Call)
        {
            FuzzException.Require(starts.Contains(first.NextIP), $"what follows was decoded: {where}");
        }
    }

    private static ControlFlow FlowOf(in Instruction i) => i.FlowControl switch
    {
        FlowControl.Next => ControlFlow.Next,
        FlowControl.UnconditionalBranch => ControlFlow.Jump,
        FlowControl.ConditionalBranch => ControlFlow.ConditionalJump,
        FlowControl.Call => ControlFlow.Call,
        FlowControl.Return => ControlFlow.Return,
        FlowControl.IndirectBranch => ControlFlow.IndirectJump,
        FlowControl.Exception => ControlFlow.End,
        FlowControl.Interrupt => i.Mnemonic == Mnemonic.Int3 ? ControlFlow.End : ControlFlow.Next,
        _ => ControlFlow.Forbidden,
    };
}
