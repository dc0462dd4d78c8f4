using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.RegularExpressions;
using Iced.Intel;
using Sos.Fuzz.Processor;
using Sos.Image.Building;
using Sos.Image.Debugging;
using Sos.Image.Verification;
using Sos.Image.Verification.Forms;
using Xunit;

namespace Sos.Image.Tests;

/// <summary>The list of allowed forms holds what the repository's code needs, no other mnemonics, and what it says of each is what
/// the decoder's own tables say.</summary>
public sealed class InstructionFormTests
{
    /// <summary>How large the list may become before someone thinks about it: every form on it is one to be checked.</summary>
    private const int FormsMax = 950;

    private static readonly Lazy<HashSet<Code>> Harvested = new(Harvest);

    private static IEnumerable<Code> Allowed => Enum.GetValues<Code>().Where(c => InstructionForms.EffectOf(c) != Effect.Refused);

    [Fact]
    public void EveryFormThatTheRepositoryNeedsIsOnTheList() =>
        Assert.DoesNotContain(Harvested.Value, c => InstructionForms.EffectOf(c) == Effect.Refused);

    [Fact]
    public void TheListHasNoMnemonicThatNothingNeeds()
    {
        // ILC takes the other conditions of a jump, move or set as the C# has it.
        HashSet<string> needed = [.. Harvested.Value.Select(c => Family(c.ToOpCode().Mnemonic))];

        Assert.DoesNotContain(Allowed, c => !needed.Contains(Family(c.ToOpCode().Mnemonic)));
        Assert.InRange(InstructionForms.Count, Harvested.Value.Count, FormsMax);
        Assert.Equal(Allowed.Count(), InstructionForms.Count);
    }

    [Fact]
    public void NoFormIsOfAnotherEncodingThanLegacyAndVex() =>
        Assert.All(Allowed, c => Assert.True(c.ToOpCode().Encoding is EncodingKind.Legacy or EncodingKind.VEX && c.ToOpCode().Mode64, c.ToString()));

    [Fact]
    public void NoFormTouchesMmx() => Assert.All(Allowed, c => Assert.DoesNotContain(
        Enumerable.Range(0, c.ToOpCode().OpCount).Select(c.ToOpCode().GetOpKind), k => k.ToString().StartsWith("mm", StringComparison.Ordinal)));

    /// <summary>A second source for the registers and memory that a form changes: the tables of the decoder's library.</summary>
    [Fact]
    public void WhatAFormChangesIsWhatTheDecodersTablesSay()
    {
        InstructionInfoFactory factory = new();
        EncodingFilter filter = new(TestImage.CodeRva);
        HashSet<Code> compared = [];
        Random random = new(20070612);
        Span<byte> bytes = stackalloc byte[15];
        foreach (byte[] head in Encodings.Heads)
        {
            for (int opcode = 0; opcode < 512; opcode++)
            {
                Encodings.Write(head, (byte)opcode, (byte)random.Next(256), random, bytes);
                if (filter.IsAllowed(bytes, out Instruction i, out Effect effect)
                    && effect is not (Effect.Call or Effect.Return or Effect.Gate or Effect.Switch))
                {
                    RequireSame(i, effect, factory);
                    compared.Add(i.Code);
                }
            }
        }

        // Nearly all: some need a ModRM byte that the sample seldom meets.
        Assert.InRange(compared.Count, InstructionForms.Count * 8 / 10, InstructionForms.Count);
    }

    private static void RequireSame(in Instruction i, Effect effect, InstructionInfoFactory factory)
    {
        InstructionAccess access = InstructionAccess.Of(i, effect);
        InstructionInfo info = factory.GetInfo(i);
        int written = info.GetUsedRegisters().Where(r => IsWrite(r.Access)).Aggregate(0, (all, r) => all | InstructionAccess.General(r.Register));
        int declared = access.Registers | (effect is Effect.Push or Effect.Pop ? 1 << InstructionAccess.Rsp : 0);
        Assert.True((written & ~declared) == 0, $"{i} ({i.Code}) writes 0x{written:x4}, the list says 0x{declared:x4}");
        bool writesMemory = info.GetUsedMemory().Any(m => IsWrite(m.Access));
        bool hasOwnStore = effect is Effect.Push or Effect.RepeatedMove or Effect.RepeatedStore;
        Assert.True(!writesMemory || hasOwnStore || access.WritesMemory || i.Mnemonic == Mnemonic.Or, $"{i} ({i.Code}) writes memory");
        Assert.True(
            access.MemorySize > 0 || !info.GetUsedMemory().Any() || hasOwnStore || effect is Effect.Pop or Effect.Nothing or Effect.Address
            || i.MemoryIndex.IsVectorRegister(),
            $"{i} ({i.Code}) has memory of no size");
        Assert.True(!InstructionForms.KeepsFlags(effect) || i.RflagsModified == RflagsBits.None, $"{i} ({i.Code}) changes flags");
    }

    private static bool IsWrite(OpAccess access) => access is OpAccess.Write or OpAccess.ReadWrite or OpAccess.CondWrite or OpAccess.ReadCondWrite;

    private static string Family(Mnemonic mnemonic) => Regex.Replace(
        mnemonic.ToString(), "^(Cmov|Set|J)(o|no|b|ae|e|ne|be|a|s|ns|p|np|l|ge|le|g)$", "$1cc");

    /// <summary>The forms of all images of the repository, and of the C# that exercises what a service may use.</summary>
    private static HashSet<Code> Harvest()
    {
        HashSet<Code> forms = [];
        foreach (string project in RepositoryImages.Projects)
        {
            forms.UnionWith(ImageVerifier.Examine(ServiceImage.Read(RepositoryImages.PathOf(project))).Instructions.Select(i => i.Code));
        }

        string sources = Path.Combine(BadServicesFixture.Metadata("RepoRoot"), "tests/Sos.Image.Tests/FormServices");
        string[] entries =
        [
            .. Directory.EnumerateFiles(sources, "*.cs").SelectMany(f => Regex.Matches(File.ReadAllText(f), "forms_[a-z_]+").Select(m => m.Value)),
        ];
        Assert.NotEmpty(entries);
        foreach (BuiltImage built in ImageBuilder.BuildMany(
            File.ReadAllBytes(BadServicesFixture.Metadata("FormServicesObject")),
            entries.Select(e => new ImageOptions { Name = e, Version = "1.0", Entry = e }), MethodNames.FromAssemblies([])))
        {
            Assert.Empty(built.Diagnostics.Select(d => d.Id + " " + d.Message + " " + d.Method));
            forms.UnionWith(ImageVerifier.Examine(ServiceImage.Read(built.Image)).Instructions.Select(i => i.Code));
        }

        return forms;
    }
}
