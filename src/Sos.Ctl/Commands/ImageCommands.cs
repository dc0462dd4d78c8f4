using System;
using System.Collections.Generic;
using System.Collections.Immutable;
using System.CommandLine;
using System.ComponentModel;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Security.Cryptography;
using Sos.Cores;
using Sos.Cores.Loading;
using Sos.Cores.Operations;
using Sos.Image;
using Sos.Image.Debugging;
using Sos.Verbs;

namespace Sos.Ctl.Commands;

/// <summary><c>sosctl image</c>: builds, verifies and shows service images.</summary>
internal static class ImageCommands
{
    public static Command Create(Terminal terminal)
    {
        Argument<string> project = new("PROJECT") { Description = "A service's project" };
        Command build = new("build", "Build a service's image, by 'dotnet build'") { project };
        build.SetAction(result => Build(terminal, result.GetValue(project)!));

        Argument<string> verifyImage = Argument();
        Command verify = new("verify", "Decode an image's machine code and show why it would be refused") { verifyImage };
        verify.SetAction(result => Verify(terminal, result.GetValue(verifyImage)!));

        Argument<string> showImage = Argument();
        Command show = new("show", "Show what an image says of itself") { showImage };
        show.SetAction(result => Show(terminal, result.GetValue(showImage)!));

        Argument<string> mapImage = Argument();
        Command map = new("map", "Print the methods of an image where a service has them, as perf reads it from /tmp/perf-PID.map") { mapImage };
        map.SetAction(result => Map(terminal, result.GetValue(mapImage)!));
        return new Command("image", "Build, verify and show service images") { build, verify, show, map };
    }

    public static Argument<string> Argument() => new("IMAGE") { Description = "A .sosimg file" };

    private static int Build(Terminal terminal, string project)
    {
        // With --json the result alone goes to the standard output.
        ProcessStartInfo start = new("dotnet", ["build", project, "-c", "Release", "--nologo", "-v", "q"]) { RedirectStandardOutput = true };
        using Process process = StartDotnet(start);
        string? line;
        while ((line = process.StandardOutput.ReadLine()) is not null)
        {
            terminal.Error.WriteLine(line);
        }

        process.WaitForExit();
        if (process.ExitCode != 0)
        {
            throw new SosException(SosError.BadImage, "the image was not built: see the errors above");
        }

        string folder = Directory.Exists(project) ? project : Path.GetDirectoryName(Path.GetFullPath(project))!;
        string bin = Path.Combine(folder, "bin", "Release");
        List<string> images = Directory.Exists(bin) ? [.. Directory.EnumerateFiles(bin, "*.sosimg", SearchOption.AllDirectories)] : [];
        if (images.Count == 0)
        {
            throw new SosException(SosError.BadImage, $"{project} makes no image: set the property SosService in it");
        }

        terminal.Write(new ImageBuiltDocument(images), Documents.Current.ImageBuiltDocument, output => images.ForEach(output.WriteLine));
        return 0;
    }

    private static Process StartDotnet(ProcessStartInfo start)
    {
        try
        {
            return Process.Start(start)!;
        }
        catch (Win32Exception e)
        {
            throw new SosException(SosError.NotFound, "the command 'dotnet' is missing: building needs the .NET SDK, with 'dotnet' in the PATH", e);
        }
    }

    private static int Verify(Terminal terminal, string path)
    {
        ImmutableArray<ImageDiagnostic> diagnostics = VerifiedImage.Verify(VerifiedImage.ReadUnverified(path), path);
        terminal.Write(
            new ImageVerifiedDocument(path, diagnostics.IsEmpty, [.. diagnostics.Select(Describe)]),
            Documents.Current.ImageVerifiedDocument,
            output =>
            {
                foreach (ImageDiagnostic diagnostic in diagnostics)
                {
                    output.WriteLine(diagnostic.ToCanonicalString(path));
                }

                output.WriteLine(diagnostics.IsEmpty ? $"{path} may run" : $"{path} is refused: {diagnostics.Length} error(s)");
            });
        return diagnostics.IsEmpty ? 0 : (int)SosError.BadImage;
    }

    private static DiagnosticEntry Describe(ImageDiagnostic diagnostic)
        => new(diagnostic.Id, diagnostic.Message, diagnostic.Method, diagnostic.CallPath, diagnostic.File, diagnostic.Line);

    private static int Show(Terminal terminal, string path)
    {
        ServiceImage image = VerifiedImage.ReadUnverified(path);
        ServiceDescriptor descriptor = image.Descriptor;
        ImageDocument document = new(
            descriptor.Name, descriptor.Version, descriptor.AbiVersion, Convert.ToHexStringLower(image.BuildId.Span),
            Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(path))), image.FileSize, image.MemorySize, descriptor.StackSize,
            descriptor.ArenaSize, descriptor.PollBoundNs,
            [.. image.Segments.Select(segment => new SegmentEntry(segment.Rva, segment.MemorySize, Protection(segment.Protection)))],
            [.. image.Ports.Wishes.Select(wish => new PortWishEntry(
                wish.Name, wish.Least, wish.Most, wish.HostPort.ToString().ToLowerInvariant()))],
            GrantNames.Of(descriptor.AsksFor));
        terminal.Write(document, Documents.Current.ImageDocument, output =>
        {
            output.WriteLine($"{document.Name} {document.Version}, ABI {document.Abi}, build {document.BuildId}");
            output.WriteLine($"SHA-256 {document.Sha256}");
            output.WriteLine($"file {document.FileBytes} bytes, memory {document.MemoryBytes}, stack {document.StackBytes}, arena {document.ArenaBytes}");
            output.WriteLine($"takes {image.Ports}");
            if (document.AsksFor.Count > 0)
            {
                output.WriteLine($"asks for {string.Join(", ", document.AsksFor)}, which it is given if it is granted");
            }

            Terminal.WriteTable(
                output, ["OFFSET", "SIZE", "PROTECTION"],
                document.Segments.Select(segment => (IReadOnlyList<string>)[$"0x{segment.Offset:x}", $"0x{segment.Bytes:x}", segment.Protection]));
        });
        return 0;
    }

    private static int Map(Terminal terminal, string path)
    {
        ServiceImage image = VerifiedImage.ReadUnverified(path);
        string debugPath = path + ".debug";
        if (!File.Exists(debugPath))
        {
            throw new SosException(SosError.NotFound, $"{debugPath} is missing, which has the names of the methods: the build writes it beside the image");
        }

        DebugFile debug = VerifiedImage.ReadDebugFile(debugPath);
        if (!debug.Matches(image))
        {
            throw new SosException(SosError.BadImage, $"{debugPath} is of another build than {path}: build the service again");
        }

        List<MethodEntry> methods = [.. debug.Methods.Select(method => new MethodEntry(AddressSpace.Image + method.Rva, method.Size, method.Name))];
        terminal.Write(new ImageMapDocument(methods), Documents.Current.ImageMapDocument, output =>
        {
            foreach (MethodEntry method in methods)
            {
                output.WriteLine($"{method.Address:x} {method.Bytes:x} {method.Name}");
            }
        });
        return 0;
    }

    private static string Protection(SegmentProtection protection)
        => $"r{(protection.HasFlag(SegmentProtection.Write) ? 'w' : '-')}{(protection.HasFlag(SegmentProtection.Execute) ? 'x' : '-')}";
}
