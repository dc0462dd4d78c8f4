using System;
using System.Collections.Concurrent;
using System.Collections.Generic;
using System.Collections.Immutable;
using System.IO;
using System.Linq;
using Sos.Fuzz.Images;
using Sos.Image.Debugging;
using Sos.Image.Verification;
using Xunit;

namespace Sos.Image.Tests;

/// <summary>
/// Real images, changed: refused by id and method, or still sound. Each case depends on its seed alone; the fuzz target
/// "image-mutant" is the long form.
/// </summary>
public sealed class MutatedImageTests
{
    private const int Seed = 20070612;

    /// <summary>Where a branch of the image leads into the bytes that were put there, that is what is told: another place is tried.</summary>
    private const int PlacesMax = 20;

    private static readonly ConcurrentDictionary<string, ImageMutator> Mutators = new();

    public static TheoryData<string> Projects => new(RepositoryImages.Projects);

    [Theory]
    [MemberData(nameof(Projects))]
    public void AHostileInstructionIsRefusedByIdAndMethodWhereverItStands(string project)
    {
        string path = RepositoryImages.PathOf(project);
        ImageMutator mutator = MutatorOf(path);
        Random random = new(Seed);
        foreach (HostileInstruction hostile in HostileInstruction.All)
        {
            ImmutableArray<ImageDiagnostic> found;
            string? method;
            ulong rva;
            int places = 0;
            do
            {
                ServiceImage image = ServiceImage.Read(mutator.Replace(hostile.Bytes, random, out rva));
                DebugFile debug = RepositoryImages.DebugOf(path, image);
                found = ImageVerifier.Verify(image, debug);
                method = debug.MethodAt(rva)?.Name;
                Assert.False(found.IsEmpty, $"{hostile.Name} at 0x{rva:x} in {method} was accepted");
            }
            while (found.Any(d => d.Id == DiagnosticIds.Overlap) && ++places < PlacesMax);

            Assert.True(
                found.Any(d => d.Id == hostile.Id && d.Method == method && d.CallPath.Contains(method!)),
                $"{hostile.Name} at 0x{rva:x} in {method}: expected {hostile.Id}, got {string.Join("; ", found.Select(d => d.ToCanonicalString("")))}");
        }
    }

    [Theory]
    [MemberData(nameof(Projects))]
    public void AJumpIntoTheMiddleOfAnInstructionIsRefused(string project)
    {
        ImageMutator mutator = MutatorOf(RepositoryImages.PathOf(project));
        int tried = 0;
        for (int n = 0; n < 40; n++)
        {
            if (mutator.MakeJumpInside(new Random(Seed + n)) is not { } file)
            {
                continue;
            }

            ImmutableArray<ImageDiagnostic> found = ImageVerifier.Verify(ServiceImage.Read(file));

            // In the straight run before a switch it also takes the switch's proof, and with it what only the switch reaches.
            Assert.True(
                found.Any(d => d.Id is DiagnosticIds.Overlap or DiagnosticIds.IndirectJump),
                $"seed {Seed + n}: {string.Join("; ", found.Select(d => d.ToCanonicalString("")))}");
            tried++;
        }

        Assert.InRange(tried, 20, 40);
    }

    [Theory]
    [MemberData(nameof(Projects))]
    public void WhatIsAcceptedOfChangedImagesIsSoundToAnotherDecoder(string project)
    {
        ImageMutator mutator = MutatorOf(RepositoryImages.PathOf(project));
        const int Count = 80;
        HashSet<string> refusals = [];
        int accepted = 0;
        for (int n = 0; n < Count; n++)
        {
            byte[] file = mutator.Make(new Random(Seed + n), out string what);
            try
            {
                ServiceImage image = ServiceImage.Read(file);
                Verdict verdict = ImageVerifier.Examine(image);
                refusals.UnionWith(verdict.Diagnostics.Select(d => d.Id));
                if (verdict.Diagnostics.IsEmpty)
                {
                    AcceptedImage.Require(image, verdict);
                    accepted++;
                }
            }
            catch (ImageFormatException)
            {
                refusals.Add(DiagnosticIds.Malformed);
            }
            catch (Sos.Fuzz.FuzzException e)
            {
                Assert.Fail($"seed {Seed + n} ({what}): {e.Message}");
            }
        }

        // Changes that are all refused, or all harmless, would try little.
        Assert.InRange(accepted, 5, Count - 20);
        Assert.True(refusals.Count >= 6, string.Join(", ", refusals));
    }

    private static ImageMutator MutatorOf(string path) => Mutators.GetOrAdd(path, p => new ImageMutator(File.ReadAllBytes(p)));
}
