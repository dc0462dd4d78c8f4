using System;
using System.IO;
using Sos.Image;
using Sos.Image.Building;
using Sos.Image.Debugging;
using Sos.Image.Tool;

// usage: Sos.Image.Tool RESPONSE-FILE; exit code 0: image written; 1: refused, or an error. Errors are in MSBuild's canonical
// format.
if (args.Length != 1)
{
    Console.Error.WriteLine("Sos.Image.Tool : error SOS1000: one argument is needed, the response file");
    return 1;
}

try
{
    ToolArguments arguments = ToolArguments.Parse(File.ReadAllLines(args[0]));

    // An image that was refused must not stay where a loader would find it.
    File.Delete(arguments.Output);
    BuiltImage built = ImageBuilder.Build(
        File.ReadAllBytes(arguments.ObjectFile), arguments.Options, MethodNames.FromAssemblies(arguments.Assemblies));
    if (!built.Diagnostics.IsEmpty)
    {
        foreach (ImageDiagnostic diagnostic in PlainCompilation.Locate(arguments, built.Diagnostics))
        {
            Console.Out.WriteLine(diagnostic.ToCanonicalString(Path.GetFileName(arguments.Output), arguments.Documents));
        }

        return 1;
    }

    File.WriteAllBytes(arguments.Output + ".debug", built.Debug);
    File.WriteAllBytes(arguments.Output, built.Image);
    return 0;
}
catch (Exception e) when (
    e is IOException or UnauthorizedAccessException or FormatException or OverflowException or ImageFormatException)
{
    Console.Out.WriteLine($"Sos.Image.Tool : error SOS1000: {e.Message}");
    return 1;
}
